"""Templates: ours render black's own text, the user's replace ours one at a time."""

from __future__ import annotations

import re
import shutil
from dataclasses import fields
from pathlib import Path

import jinja2
import jinja2.meta
import pytest
from black.parsing import InvalidInput

from builders import audit, fqn, model
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.errors import UsageError
from dg_sqlmesh_codegen.rendering import templates
from dg_sqlmesh_codegen.rendering.package import Imported, NamedSchedule
from dg_sqlmesh_codegen.rendering.template_dir import template_dir
from dg_sqlmesh_codegen.sqlmesh_project.records import (
    Audit,
    AuditUse,
    Column,
    ExternalTable,
    Model,
)
from dg_sqlmesh_codegen.translation.graph import Asset, Check, External
from packages import rendered, translated

HERE = Path(__file__).parent
DOCUMENTED = (template_dir() / "README.md").read_text(encoding="utf-8")


def files(folder: Path | None) -> dict[str, str]:
    """Render a project of one model and one external table with the templates of a folder."""
    config = Config((HERE,), HERE / "defs", templates=folder, external_specs=True)
    one = model("shop.sales.orders", depends_on=(fqn("lake.raw.orders"),), audits=(audit(),))
    return rendered(translated(one, config=config))


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


# ---- what each template sees, documented in one place


def documented() -> dict[str, set[str]]:
    rows = re.findall(r"^\| `(\S+\.jinja)` \| .* \| (.*)\|$", DOCUMENTED, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", seen)) for name, seen in rows}


def test_every_template_is_documented_with_what_it_sees() -> None:
    jinja = jinja2.Environment(autoescape=True)  # nothing is rendered
    found = {}
    for name in templates.NAMES:
        text = (template_dir() / name).read_text(encoding="utf-8")
        found[name] = jinja2.meta.find_undeclared_variables(jinja.parse(text))
    assert documented() == found
    assert {path.name for path in template_dir().iterdir()} == {*templates.NAMES, "README.md"}


def test_what_is_documented_can_be_printed(tmp_path: Path) -> None:
    for name, seen in documented().items():
        prints = "".join(f"# {{{{ {variable} is defined }}}}\n" for variable in sorted(seen))
        write(tmp_path, name, f"{prints}x = 1\n")
    for path, text in files(tmp_path).items():
        assert "False" not in text, path


@pytest.mark.parametrize(
    "record",
    [
        Asset,
        Model,
        Column,
        Check,
        AuditUse,
        Audit,
        Imported,
        External,
        ExternalTable,
        NamedSchedule,
    ],
)
def test_every_attribute_is_documented(record: type) -> None:
    hidden = {"described"}  # whether external_models.yaml holds it; its words are there
    for field in fields(record):
        assert field.name in hidden or f"`{field.name}`" in DOCUMENTED, field.name


# ---- a mistake in ours is a bug


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        (templates.MODEL, "x = {{ nothing }}", jinja2.UndefinedError),
        (templates.MODEL, "x = {{ asset.nothing }}", jinja2.UndefinedError),
        (templates.MODEL, "x = {{ asset.model.nothing }}", jinja2.UndefinedError),
        (templates.MODEL, "{% if nothing %}{% endif %}", jinja2.UndefinedError),
        (templates.MODEL, "{% for x in nothing %}{% endfor %}", jinja2.UndefinedError),
        (templates.MODEL, "x = {{ nothing or 1 }}", jinja2.UndefinedError),
        (templates.MODEL, "x = {{ asset.nothing.more }}", jinja2.UndefinedError),
        (templates.DEFINITIONS, "def nothing", InvalidInput),
    ],
)
def test_an_error_in_our_own_template_is_not_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, error: type[Exception]
) -> None:
    ours = shutil.copytree(template_dir(), tmp_path / "ours")
    write(ours, name, text)
    monkeypatch.setattr(templates, "template_dir", lambda: ours)
    with pytest.raises(error, match="nothing"):
        files(None)


# ---- the user's own


def test_one_template_replaces_ours_and_the_rest_stay(tmp_path: Path) -> None:
    plain = files(None)
    own = (template_dir() / templates.MODEL).read_text(encoding="utf-8")
    changed_hash = own.replace("{{ asset.model.data_hash }}", '"1"')
    write(tmp_path, templates.MODEL, changed_hash)
    write(tmp_path, "README.md", "about my templates")

    changed = files(tmp_path)
    differing = {path for path, text in changed.items() if text != plain[path]}
    assert differing == {"models/shop/sales/orders.py"}
    assert 'code_version="1"' in changed["models/shop/sales/orders.py"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # black has the last word
        ("model   = {'key':{{ asset.key }}}", 'model = {"key": ["shop", "sales", "orders"]}'),
        # a part may be included
        ("key = {% include '_key.jinja' %}", 'key = ["shop", "sales", "orders"]'),
    ],
)
def test_the_text_of_a_template_of_ones_own(tmp_path: Path, text: str, expected: str) -> None:
    write(tmp_path, "_key.jinja", "{{ asset.key }}")
    write(tmp_path, templates.MODEL, f"{text}\n")
    assert expected in files(tmp_path)["models/shop/sales/orders.py"]


ORDERS = "model shop.sales.orders"
ASSET = "'dg_sqlmesh_codegen.translation.graph.Asset object'"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            templates.MODEL,
            "x = 1\n{% for x %}",
            f"does not render for {ORDERS}, line 2: TemplateSyntaxError: ",
        ),
        (
            templates.MODEL,
            "x = 1\ny = {{ asset.nothing }}",
            f"does not render for {ORDERS}, line 2: UndefinedError: {ASSET} has no attribute "
            "'nothing'",
        ),
        (
            templates.MODEL,
            "x = {{ asset.model }}",
            f"does not render for {ORDERS}, line 1: TypeError: Model is no literal that a "
            "generated module may hold",
        ),
        (
            templates.MODEL,
            "x = 1\n\ny = = {{ asset.group }}\n",
            f"makes no valid Python for {ORDERS}: InvalidInput: Cannot parse for target version ",
        ),
        (
            templates.DEFINITIONS,
            "x = {{ config.gatway }}",
            "does not render for definitions.py, line 1: ",
        ),
        (
            templates.PACKAGE,
            "def",
            "makes no valid Python for models/shop/__init__.py: InvalidInput: ",
        ),
        (
            templates.EXTERNAL,
            "(",
            "makes no valid Python for the external table lake.raw.orders: InvalidInput: ",
        ),
    ],
)
def test_a_mistake_names_template_subject_and_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        files(write(tmp_path, name, text))
    assert f"the template {name} {message}" in str(caught.value)


def test_a_template_that_replaces_none(tmp_path: Path) -> None:
    message = r"modle.py.jinja replaces no template. Did you mean model.py.jinja\? A part that "
    with pytest.raises(UsageError, match=f"{message}others include starts with _."):
        files(write(tmp_path, "modle.py.jinja", ""))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the templates folder does not exist"):
        Config((HERE,), tmp_path, templates=tmp_path / "nowhere")
