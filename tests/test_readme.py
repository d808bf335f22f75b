"""What the README says of keys, options and hooks is what there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest
import yaml

from builders import model, project
from dg_sqlmesh_codegen import SQLMeshTranslator
from dg_sqlmesh_codegen.cli.app import command
from dg_sqlmesh_codegen.component.component import SQLMeshProjectComponent
from dg_sqlmesh_codegen.config import resolve
from dg_sqlmesh_codegen.config.defs_yaml import COMPONENT
from dg_sqlmesh_codegen.config.model import FIELDS, KEYS, METADATA_KEYS
from dg_sqlmesh_codegen.translation.translator import TranslationContext


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)


def test_one_table_has_every_key_with_its_default(readme: str) -> None:
    text = readme[readme.index("| key | default | says |") : readme.index("### Translator")]
    table = dict(re.findall(r"^\| `(\w+)` \|(.*?)\| ", text, re.MULTILINE))
    assert set(table) == {*KEYS}
    defaults = {key: field.get_default() for key, field in FIELDS.items()}
    for key, text in table.items():
        if re.fullmatch(r" `\w+` ", text) and key not in ("config_name", "group_name"):
            said = text.strip("` ")
            assert {"true": True, "false": False}.get(said, said) == defaults[key]


def test_the_metadata_keys_are_all_there(readme: str) -> None:
    (row,) = re.findall(r"^\| `metadata_keys` \| all \| (.*) \|$", readme, re.MULTILINE)
    assert tuple(re.findall(r"`(\w+)`", row)) == METADATA_KEYS


def test_every_option_is_listed(readme: str) -> None:
    listed = readme[readme.index("## The command line") : readme.index("Exit codes: 0 done")]
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name not in ("help", "version"):
            assert any(option in listed for option in parameter.opts), parameter.opts


def test_the_toml_is_a_configuration(
    readme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = blocks(readme, "toml")
    tomllib.loads(text)
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path)
    config = resolve.load({}).config
    assert config.external_asset_mapping == "target/main/{node.name}"
    assert config.retry_policy
    assert config.retry_policy.backoff == "EXPONENTIAL"


def test_the_defs_yaml_is_a_component(readme: str) -> None:
    (text,) = [block for block in blocks(readme, "yaml") if block.startswith("type:")]
    loaded = yaml.safe_load(text)
    assert loaded["type"] == COMPONENT
    attributes = loaded["attributes"]
    attributes["sqlmesh_config"]["project_path"] = "transform"  # a template of a real project
    component = SQLMeshProjectComponent.from_attributes_dict(attributes=attributes)
    assert component.settings["environment"] == "prod"


def test_the_translator_works(readme: str) -> None:
    (text,) = [block for block in blocks(readme, "python") if "class Layers" in block]
    namespace: dict[str, object] = {}
    exec(compile(text, "README.md", "exec"), namespace)  # noqa: S102 - our own README
    layers = namespace["Layers"]
    assert isinstance(layers, type)
    assert issubclass(layers, SQLMeshTranslator)
    context = TranslationContext(project())
    made = [layers().get_group_name(context, model(f"a.b.{name}")) for name in ("stg_x", "mart_y")]
    assert made == ["staging", "marts"]


def test_the_summary_is_one_that_was_written(readme: str, root: Path) -> None:
    golden = (root / "tests/golden/change_report/readme.md").read_text(encoding="utf-8")
    quoted = "".join(f"> {line}".rstrip() + "\n" for line in golden.splitlines())
    assert quoted in readme
