"""config/README.md has every key, and its samples work.

After a change of the model: `UPDATE_GOLDEN=1 python -m pytest tests/config/test_readme.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml

from builders import model, project
from dg_sqlmesh_codegen import SQLMeshProjectComponent, SQLMeshTranslator
from dg_sqlmesh_codegen.config.defs_yaml import ALIASES, COMPONENT
from dg_sqlmesh_codegen.config.model import FIELDS
from dg_sqlmesh_codegen.config.toml import toml
from dg_sqlmesh_codegen.translation.translator import TranslationContext


@pytest.fixture(scope="module")
def readme(root: Path) -> Path:
    return root / "src" / "dg_sqlmesh_codegen" / "config" / "README.md"


def sample(readme: Path, language: str) -> str:
    """Return the first code of a language."""
    text = readme.read_text(encoding="utf-8")
    found = re.search(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def rows_of_keys() -> Iterator[tuple[str, ...]]:
    for key, field in FIELDS.items():
        default = (
            None
            if field.is_required()
            else field.get_default(call_default_factory=True, validated_data={})
        )
        assert field.description
        yield (
            f"`{key}`",
            "" if default in (None, (), {}) else f"`{toml(default)}`",
            " or ".join(f"`{toml(example)}`" for example in field.examples or ()),
            " ".join(field.description.split()),
        )


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (header, ("---",) * len(header), *rows)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


TABLES = {
    "keys": table(("key", "default", "example", "description"), rows_of_keys()),
    "aliases": table(
        ("attribute", "key"), ((f"`{name}`", f"`{key}`") for name, key in ALIASES.items())
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_are_those_of_the_model(name: str, readme: Path) -> None:
    pattern = re.compile(rf"(<!-- {name}: [^\n]*-->\n)(.*?)(<!-- end of {name} -->)", re.DOTALL)
    if os.environ.get("UPDATE_GOLDEN"):
        text = readme.read_text(encoding="utf-8")
        new = pattern.sub(lambda match: f"{match[1]}{TABLES[name]}{match[3]}", text)
        readme.write_text(new, encoding="utf-8")
    found = pattern.search(readme.read_text(encoding="utf-8"))

    assert found
    assert found[2] == TABLES[name]


def test_the_defs_yaml_is_a_component(readme: Path) -> None:
    loaded = yaml.safe_load(sample(readme, "yaml"))
    attributes = loaded["attributes"]
    attributes["sqlmesh_config"]["project_path"] = "transform"  # a template of a `dg` project

    component = SQLMeshProjectComponent.from_attributes_dict(attributes=attributes)

    assert loaded["type"] == COMPONENT
    assert component.settings["environment"] == "prod"


def test_the_translator_works(readme: Path) -> None:
    namespace: dict[str, object] = {}
    exec(compile(sample(readme, "python"), str(readme), "exec"), namespace)  # noqa: S102 - ours
    layers = namespace["Layers"]
    assert isinstance(layers, type)
    assert issubclass(layers, SQLMeshTranslator)
    context = TranslationContext(project())

    made = [layers().get_group_name(context, model(f"a.b.{name}")) for name in ("stg_x", "mart_y")]

    assert made == ["staging", "marts"]


def test_every_method_of_a_translator_is_listed(readme: Path) -> None:
    text = readme.read_text(encoding="utf-8")

    for name in vars(SQLMeshTranslator):
        assert name.startswith("_") or f"`{name}(" in text, name
