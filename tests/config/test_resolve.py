"""One configuration from three places: who wins, what paths start from, and reading it back."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dg_sqlmesh_codegen.cli.output import print_settings
from dg_sqlmesh_codegen.config import resolve
from dg_sqlmesh_codegen.config.layer import COMMAND_LINE, Layer
from dg_sqlmesh_codegen.config.model import FIELDS, KEYS
from dg_sqlmesh_codegen.config.toml import toml
from dg_sqlmesh_codegen.errors import UsageError
from refusals import TABLE, write_table

NAMES = {"-o": "out", "--environment": "environment"}
PYPROJECT = f"pyproject.toml {TABLE}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a folder `shop`, which is the working directory."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(values: dict[str, object]) -> resolve.Settings:
    """Load the configuration, with these values on the command line."""
    return resolve.load(Layer(COMMAND_LINE, None, values))


def write_defs(folder: str, *attributes: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    head = ("type: dg_sqlmesh_codegen.SQLMeshProjectComponent", "attributes:")
    lines = (*head, *(f"  {line}" for line in attributes))
    Path(folder, "defs.yaml").write_text("\n".join(lines), encoding="utf-8")


TYPED: dict[str, object] = {"projects": ("shop",), "out": "defs"}


@pytest.mark.parametrize("key", [key for key in KEYS if key not in TYPED])
def test_every_key_can_be_typed_and_be_in_pyproject(key: str, folder: Path) -> None:
    """In a defs.yaml, too: tests/component/test_component.py."""
    example = (FIELDS[key].examples or [None])[0]
    value = f"{folder}/shop" if key == "templates" else example

    typed = getattr(load({**TYPED, key: value}).config, key)
    assert typed != getattr(load(TYPED).config, key)
    write_table(f"{key} = {toml(value)}")
    assert getattr(load(TYPED).config, key) == typed


def test_what_is_typed_wins_over_defs_yaml_and_that_over_pyproject() -> None:
    write_table('gateway = "c"')
    assert load(TYPED).config.gateway == "c"
    write_defs("defs", "gateway: b")
    assert load(TYPED).config.gateway == "b"
    assert load({**TYPED, "gateway": "a"}).config.gateway == "a"


def test_paths_start_from_the_file_that_names_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table('projects = ["shop"]', 'out = "defs"', 'templates = "shop"')
    write_defs("elsewhere/defs", "sqlmesh_config: {project_path: ../../shop}")
    write_defs("absolute/defs", f"projects: [{folder}/shop]")
    below = folder / "below" / "deeper"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)

    config = load({}).config  # a complete pyproject.toml needs no arguments
    assert (config.projects, config.out) == ((folder / "shop",), folder / "defs")
    assert config.templates == folder / "shop"

    # What was typed is from here; the defs.yaml is that of the folder that was typed.
    config = load({"out": "../../elsewhere/defs"}).config
    assert config.out == Path("../../elsewhere/defs")
    assert [path.resolve() for path in config.projects] == [folder / "shop"]
    assert load({"out": "../../absolute/defs"}).config.projects == (folder / "shop",)
    with pytest.raises(UsageError, match="project folder does not exist: shop"):
        load({"projects": ("shop",)})


def test_without_an_output_folder_the_components_of_a_dg_project_count() -> None:
    typed = Layer(COMMAND_LINE, None, {"--environment": "dev"}, NAMES)
    with pytest.raises(UsageError, match="no output folder are configured"):
        resolve.load_all(typed)

    Path("dg.toml").touch()
    for name in ("a", "b"):
        write_defs(f"defs/{name}", "projects: ../../shop")
    found = [each.config for each in resolve.load_all(typed)]
    assert [(each.out, each.environment) for each in found] == [
        (Path("defs/a"), "dev"),
        (Path("defs/b"), "dev"),
    ]
    one = Layer(COMMAND_LINE, None, {"-o": "defs/b"}, NAMES)
    assert [each.config.out for each in resolve.load_all(one)] == [Path("defs/b")]


def test_a_wrong_value_is_an_error_also_where_it_is_overridden() -> None:
    write_table("gateway = 3")

    with pytest.raises(UsageError, match="gateway = 3 is not valid"):
        load({**TYPED, "gateway": "local"})


def test_an_overridden_folder_need_not_exist() -> None:
    write_table('projects = "gone"', 'templates = "gone"')

    config = load({**TYPED, "templates": "shop"}).config

    assert config.projects == (Path("shop"),)


def test_the_translator_is_imported_from_the_folder_of_the_file(folder: Path) -> None:
    write_table('translator = "a:A"')
    assert load(TYPED).config.root == folder

    write_defs("defs", "translator: b:B")
    assert load(TYPED).config.root == Path("defs")
    assert load({**TYPED, "translator": "c:C"}).config.root is None


texts = st.text(st.characters(exclude_categories=["Cs"]))  # TOML has no surrogates
values = st.recursive(
    texts | st.integers(-(2**60), 2**60) | st.booleans() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


@settings(deadline=None)
@given(values)
def test_a_value_that_is_printed_reads_back(value: object) -> None:
    assert tomllib.loads(f"key = {toml(value)}") == {"key": value}


def test_what_is_printed_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    examples = {key: (FIELDS[key].examples or [None])[-1] for key in KEYS}
    # Not all examples go together.
    others = {"templates": "shop", "metadata_keys": "source", "name": "bank"}
    given = {**examples, **TYPED, **others}
    config = load(given).config
    print_settings(load(given))
    printed = capsys.readouterr().out

    assert {*tomllib.loads(printed)} == {*KEYS}
    write_table(printed)
    assert replace(load({}).config, root=None) == config


def test_every_printed_line_says_where_its_value_is_from(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_table('projects = ["shop"]', 'owners = "team:data"')
    write_defs("defs", "default_group_name: marts")

    print_settings(load({"out": "defs", "gateway": "local"}))

    lines = capsys.readouterr().out.splitlines()
    said = {text.strip(): where for text, _, where in (line.rpartition("  # ") for line in lines)}
    assert said['projects = ["shop"]'] == PYPROJECT
    assert said['out = "defs"'] == "command line"
    assert said['gateway = "local"'] == "command line"
    assert said['group_name = "marts"'] == "defs/defs.yaml"
    assert said['owners = ["team:data"]'] == PYPROJECT
    assert said["# translator"] == "default"
    assert len(lines) == len(KEYS)
