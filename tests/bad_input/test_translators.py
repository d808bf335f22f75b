"""Translators that do not import, raise, or return what nobody takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator
from refusals import TABLE, error_of

pytestmark = pytest.mark.sqlmesh

NEED = "Write a class that inherits dg_sqlmesh_codegen.SQLMeshTranslator."
MADE = "It is made without arguments; --debug shows where it fails."
IMPORTED = (
    "It is imported from Python's path, the working directory, and the folder of the file that "
    "names it and its project; --debug shows where it fails."
)
NOT_TRANSLATORS = [
    (
        "nowhere.layers:Layers",
        f"does not import: ModuleNotFoundError: No module named 'nowhere'. {IMPORTED}",
    ),
    ("shop_broken:Layers", f"does not import: ZeroDivisionError: division by zero. {IMPORTED}"),
    ("shop_leaves:Layers", f"does not import: SystemExit: 3. {IMPORTED}"),
    (
        "shop_layers:Layers",
        f"has no such class: it was looked for in {{folder}}/shop_layers.py. {NEED}",
    ),
    (
        "shop_layers:Stranger",
        "is no subclass of SQLMeshTranslator: it was looked for in {folder}/shop_layers.py. "
        f"{NEED}",
    ),
    (
        "shop_layers:function",
        "is no subclass of SQLMeshTranslator: it was looked for in {folder}/shop_layers.py. "
        f"{NEED}",
    ),
    ("shop_layers:Fails", f"cannot be made: ValueError: no rules. {MADE}"),
    (
        "shop_layers:Wants",
        "cannot be made: TypeError: Wants.__init__() missing 1 required positional argument: "
        f"'rules'. {MADE}",
    ),
]


@pytest.mark.parametrize(("path", "said"), NOT_TRANSLATORS)
def test_a_translator_that_is_none(
    path: str, said: str, modules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (TABLE, 'projects = "shop"', 'out = "defs"', f'translator = "{path}"')
    Path("pyproject.toml").write_text("\n".join(lines), encoding="utf-8")

    assert error_of(capsys) == (
        f"error: pyproject.toml {TABLE}: translator: the translator {path} "
        f"{said.format(folder=modules)}"
    )


ITEMS = "model shop.sales.items"
KEY_HINT = "Return a key whose parts are of letters, digits, dots, - and _."
TAGS_HINT = "Return tags of at most 63 letters, digits, dots, - and _; a slash may part the key."
LITERAL_HINT = (
    "Return values that a module can hold as literals: texts, numbers, lists, mappings, None."
)
OBJECTS_HINT = "Return no metadata that is written from the model's columns and lineage."
KINDS_HINT = "Return kinds of at most 63 letters, digits, dots, - and _."
GROUP_HINT = "Return a name of letters, digits and _; a slash may part it."
# Method, what it returns -> what is said behind the class, with the model it is said of.
RETURNED = [
    ("get_asset_key", "None", f"returns None for {ITEMS}. Return a sequence of texts."),
    ("get_asset_key", "3", f"returns 3 for {ITEMS}. Return a sequence of texts."),
    ("get_asset_key", "[]", f"returns [] for {ITEMS}. {KEY_HINT}"),
    ("get_asset_key", "['a', 3]", f"returns ['a', 3] for {ITEMS}. Return a sequence of texts."),
    ("get_asset_key", "['a b']", f"returns ['a b'] for {ITEMS}. {KEY_HINT}"),
    ("get_asset_key", "'a/b'", f"returns 'a/b' for {ITEMS}. {KEY_HINT}"),
    (
        "get_external_asset_key",
        "['größe']",
        f"returns ['größe'] for the external table raw.main.orders. {KEY_HINT}",
    ),
    (
        "get_external_asset_key",
        "{1}",
        "returns {1} for the external table raw.main.orders. Return a sequence of texts.",
    ),
    ("get_group_name", "None", f"returns None for {ITEMS}. {GROUP_HINT}"),
    ("get_group_name", "'our marts'", f"returns 'our marts' for {ITEMS}. {GROUP_HINT}"),
    ("get_tags", "None", f"returns None for {ITEMS}. Return a mapping of texts to texts."),
    ("get_tags", "['a']", f"returns ['a'] for {ITEMS}. Return a mapping of texts to texts."),
    ("get_tags", "{'a': 3}", f"returns {{'a': 3}} for {ITEMS}. {TAGS_HINT}"),
    ("get_tags", "{'a b': 'c'}", f"returns {{'a b': 'c'}} for {ITEMS}. {TAGS_HINT}"),
    ("get_tags", "{'a': 'b c'}", f"returns {{'a': 'b c'}} for {ITEMS}. {TAGS_HINT}"),
    (
        "get_metadata",
        "None",
        f"returns None for {ITEMS}. Return a mapping whose keys are texts.",
    ),
    (
        "get_metadata",
        "{1: 'a'}",
        f"returns {{1: 'a'}} for {ITEMS}. Return a mapping whose keys are texts.",
    ),
    ("get_metadata", "{'a': {1}}", f"returns {{'a': {{1}}}} for {ITEMS}. {LITERAL_HINT}"),
    (
        "get_metadata",
        "{'a': float('inf')}",
        f"returns {{'a': inf}} for {ITEMS}. {LITERAL_HINT}",
    ),
    (
        "get_metadata",
        "{'dagster/column_schema': []}",
        f"returns {{'dagster/column_schema': []}} for {ITEMS}. {OBJECTS_HINT}",
    ),
    (
        "get_metadata",
        "{'dagster/row_count': 'many'}",
        f"returns {{'dagster/row_count': 'many'}} for {ITEMS}. Return int for dagster/row_count.",
    ),
    ("get_owners", "None", f"returns None for {ITEMS}. Return a sequence of texts."),
    ("get_owners", "'team:a'", f"returns 'team:a' for {ITEMS}. Return a sequence of texts."),
    (
        "get_owners",
        "['ana']",
        f"returns 'ana' for {ITEMS}. Return e-mail addresses and team:names.",
    ),
    ("get_kinds", "None", f"returns None for {ITEMS}. Return a sequence of texts."),
    ("get_kinds", "'sqlmesh'", f"returns 'sqlmesh' for {ITEMS}. Return a sequence of texts."),
    ("get_kinds", "['a b']", f"returns 'a b' for {ITEMS}. {KINDS_HINT}"),
    (
        "get_kinds",
        "[f'k{i}' for i in range(11)]",
        "returns ('k0', 'k1', 'k10', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7', 'k8', 'k9') for "
        f"{ITEMS}. Return at most 10 kinds.",
    ),
    ("get_description", "3", f"returns 3 for {ITEMS}. Return a text, or None."),
]


def fails_with(body: str, method: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is said of a translator whose `method` does `body`."""
    Path("shop_layers.py").write_text(
        "import dagster as dg\n"
        "from dg_sqlmesh_codegen import SQLMeshTranslator\n"
        "class Layers(SQLMeshTranslator):\n"
        f"    def {method}(self, *arguments):\n"
        f"        {body}\n",
        encoding="utf-8",
    )
    lines = (TABLE, 'translator = "shop_layers:Layers"')
    Path("pyproject.toml").write_text("\n".join(lines), encoding="utf-8")
    start = f"error: pyproject.toml {TABLE}: translator: Layers.{method} "
    said = error_of(capsys, "shop", "-o", "defs")
    assert said.startswith(start)
    return said.removeprefix(start)


@pytest.mark.usefixtures("modules", "inspected")
@pytest.mark.parametrize(("method", "value", "said"), RETURNED)
def test_a_method_that_returns_what_nobody_takes(
    method: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fails_with(f"return {value}", method, capsys) == said


def public_methods() -> set[str]:
    return {name for name in vars(SQLMeshTranslator) if not name.startswith("_")}


def test_every_method_is_tried() -> None:
    assert {method for method, _, _ in RETURNED} == public_methods()


@pytest.mark.usefixtures("modules", "inspected")
@pytest.mark.parametrize("method", sorted(public_methods()))
def test_a_method_that_raises(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    subject = "the external table raw.main.orders" if "external" in method else ITEMS

    assert fails_with('raise KeyError("layer")', method, capsys) == (
        f"raises for {subject}: KeyError: 'layer'. --debug shows where."
    )


@pytest.mark.usefixtures("modules", "inspected")
@pytest.mark.parametrize(
    ("method", "key", "said"),
    [
        (
            "get_external_asset_key",
            "dg.AssetKey(['raw', 'orders'])",
            "the external table raw.main.orders and the external table raw.other.orders get the "
            "same asset key raw/orders",
        ),
        (
            "get_external_asset_key",
            "['shop', 'sales', 'items']",
            "model shop.sales.items and the external table raw.main.orders get the same asset key "
            "shop/sales/items",
        ),
        (
            "get_asset_key",
            "'orders'",
            "models shop.sales.items and shop.sales.orders get the same asset key orders",
        ),
    ],
)
def test_a_translator_that_gives_one_key_to_two(
    method: str, key: str, said: str, modules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (modules / "shop_layers.py").write_text(
        "import dagster as dg\n"
        "from dg_sqlmesh_codegen import SQLMeshTranslator\n"
        "class Layers(SQLMeshTranslator):\n"
        f"    def {method}(self, named):\n"
        f"        return {key}\n",
        encoding="utf-8",
    )

    error = error_of(capsys, "shop", "-o", "defs", "--set", "translator=shop_layers:Layers")

    assert error == (
        f"error: command line: --set translator: {said}. "
        f"Change Layers.{method} so that it tells them apart."
    )
