"""Templates: ours render black's own text, the user's replace ours one at a time."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import jinja2
import jinja2.meta
import pytest

from builders import audit, external, fqn, model, project, translation
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.errors import UsageError
from dg_sqlmesh_codegen.rendering import templates
from dg_sqlmesh_codegen.rendering.package import Imported, NamedSchedule, Package, render
from dg_sqlmesh_codegen.rendering.template_dir import template_dir
from dg_sqlmesh_codegen.sqlmesh_project.records import Audit, Column, ExternalTable, Model
from dg_sqlmesh_codegen.translation import graph
from dg_sqlmesh_codegen.translation.graph import Asset, Check, External

HERE = Path(__file__).parent
DOCUMENTED = (template_dir() / "README.md").read_text(encoding="utf-8")


def files(folder: Path | None, config: Config | None = None) -> dict[str, str]:
    """Render a project of one model and one external table with the templates of a folder."""
    config = config or Config((HERE,), HERE / "defs", templates=folder, external_specs=True)
    one = model("shop.sales.orders", depends_on=(fqn("lake.raw.orders"),), audits=(audit(),))
    made = project(one, external_tables=(external("lake.raw.orders"),), paths=(HERE,))
    said = translation(made)
    assets = graph.build(made, said, config.out)
    package = Package(config, made, assets, (), graph.externals(made, said))
    return {str(file.path): file.text for file in render(package)}


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


def test_what_is_documented_can_be_printed(tmp_path: Path) -> None:
    for name, seen in documented().items():
        prints = "".join(f"# {{{{ {variable} is defined }}}}\n" for variable in sorted(seen))
        write(tmp_path, name, f"{prints}x = 1\n")
    for path, text in files(tmp_path).items():
        assert "False" not in text, path


@pytest.mark.parametrize(
    "record", [Asset, Model, Column, Check, Audit, Imported, External, ExternalTable, NamedSchedule]
)
def test_every_attribute_is_documented(record: type) -> None:
    hidden = {"described"}  # whether external_models.yaml holds it; its words are there
    for field in fields(record):
        assert field.name in hidden or f"`{field.name}`" in DOCUMENTED, field.name


# ---- the user's own


def test_one_template_replaces_ours_and_the_rest_stay(tmp_path: Path) -> None:
    plain = files(None)
    own = (template_dir() / templates.MODEL).read_text(encoding="utf-8")
    write(tmp_path, templates.MODEL, own.replace("skippable=True", "skippable=False"))

    changed = files(tmp_path)
    differing = {path for path, text in changed.items() if text != plain[path]}
    assert differing == {"models/shop/sales/orders.py"}
    assert "skippable=False" in changed["models/shop/sales/orders.py"]


def test_its_text_goes_through_black(tmp_path: Path) -> None:
    write(tmp_path, templates.MODEL, "model   = {'key':{{ asset.key }}}\n")
    text = files(tmp_path)["models/shop/sales/orders.py"]
    assert 'model = {"key": ["shop", "sales", "orders"]}' in text


def test_a_part_may_be_included(tmp_path: Path) -> None:
    write(tmp_path, "_key.jinja", "{{ asset.key }}")
    write(tmp_path, templates.MODEL, "key = {% include '_key.jinja' %}\n")
    text = files(tmp_path)["models/shop/sales/orders.py"]
    assert 'key = ["shop", "sales", "orders"]' in text


def test_other_files_of_the_folder_do_not_matter(tmp_path: Path) -> None:
    write(tmp_path, "README.md", "about my templates")
    assert files(tmp_path) == files(None)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "modle.py.jinja",
            "",
            "modle.py.jinja replaces no template. Did you mean model.py.jinja? A part that others "
            "include starts with _.",
        ),
        (
            templates.MODEL,
            "x = 1\n{% for x %}",
            "the template model.py.jinja does not render for model shop.sales.orders, line 2: "
            "TemplateSyntaxError: ",
        ),
        (
            templates.MODEL,
            "x = 1\ny = {{ asset.nothing }}",
            "the template model.py.jinja does not render for model shop.sales.orders, line 2: "
            "UndefinedError: 'dg_sqlmesh_codegen.translation.graph.Asset object' "
            "has no attribute 'nothing'",
        ),
        (
            templates.MODEL,
            "x = {{ asset.model }}",
            "the template model.py.jinja does not render for model shop.sales.orders, line 1: "
            "TypeError: Model is no literal that a generated module may hold",
        ),
        (
            templates.MODEL,
            "x = 1\n\ny = = {{ asset.group }}\n",
            "the template model.py.jinja makes no valid Python for model shop.sales.orders, "
            "line 3 of its text: 'y = = \"sqlmesh\"': ",
        ),
        (
            templates.DEFINITIONS,
            "x = {{ config.gatway }}",
            "the template definitions.py.jinja does not render for definitions.py, line 1: ",
        ),
        (
            templates.PACKAGE,
            "def",
            "the template package.py.jinja makes no valid Python for __init__.py, line 1 of its "
            "text: 'def': ",
        ),
        (
            templates.EXTERNAL,
            "(",
            "the template external.py.jinja makes no valid Python for the external table "
            "lake.raw.orders, line 1 of its text: '(': ",
        ),
    ],
)
def test_a_mistake_names_template_subject_and_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        files(write(tmp_path, name, text))
    assert message in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the templates folder does not exist"):
        Config((HERE,), tmp_path, templates=tmp_path / "nowhere")
