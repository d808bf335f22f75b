"""Which files are read, and the values in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.config.sources import defs_layer, pyproject_layer

COMPONENT = "type: dg_sqlmesh_codegen.SQLMeshProjectComponent\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that is the working directory."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def found_in(start: Path) -> str | None:
    """Return the group that the pyproject.toml found from there names."""
    layer = pyproject_layer(start)
    return str(layer.values["group_name"]) if layer else None


def ours(group: str) -> str:
    return f'[tool.dg_sqlmesh_codegen]\ngroup_name = "{group}"\n'


def test_the_nearest_pyproject_that_has_the_table(folder: Path) -> None:
    write(folder / "pyproject.toml", ours("outer"))
    write(folder / "a" / "pyproject.toml", "[tool.black]\n")
    deep = folder / "a" / "b" / "c"
    deep.mkdir(parents=True)
    assert found_in(deep) == "outer"

    write(folder / "a" / "b" / "pyproject.toml", ours("inner"))
    assert found_in(deep) == "inner"
    assert found_in(folder / "a") == "outer"


def test_another_repositorys_pyproject_is_not_ours(folder: Path) -> None:
    write(folder / "pyproject.toml", ours("outer"))
    (folder / "submodule" / ".git").mkdir(parents=True)

    assert found_in(folder / "submodule") is None

    for text in ("", "[tool.black]\n", "tool = 3\n", "[tool.dg]\n[tool.dg-sqlmesh]\n"):
        write(folder / "submodule" / "pyproject.toml", text)
        assert pyproject_layer(folder / "submodule") is None, text


def attributes(text: str, folder: Path, name: str = "defs.yaml") -> dict[str, object]:
    """Return what a defs.yaml with these attributes says."""
    lines = "\n".join(f"  {line}" for line in text.splitlines())
    write(folder / "defs" / name, f"{COMPONENT}attributes:\n{lines}\n")
    layer = defs_layer(Path("defs"))
    assert layer is not None
    assert (layer.where, layer.base) == (f"defs/{name}", Path("defs"))
    return {layer.keys.get(name, name): value for name, value in layer.values.items()}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("4", 4),
        ("true", True),
        ("2026-01-01", "2026-01-01"),
        ("größe 😀", "größe 😀"),
        ("\"{{ env('NUMBER', 'none') }}\"", 7),
        ("\"{{ env('MISSING', '8') }}\"", 8),
        ("\"{{ env('MISSING', none) }}\"", None),
        ("'{{ env.NUMBER }}'", 7),
        ("'{{ env.MISSING }}'", None),
        ("'x{{ env.NUMBER }}'", "x7"),
        ("'{{ env.TEXT }}'", "it''s"),
        ("\"{{ env.NUMBER == '7' }}\"", True),
        ("['{{ env.NUMBER }}', b]", [7, "b"]),
        ("{a: {b: '{{ env.NUMBER }}'}}", {"a": {"b": 7}}),
        ("{<<: {a: 1, b: 2}, a: 3}", {"a": 3, "b": 2}),
        ("'{% if env.MISSING %}a{% else %}b{% endif %}'", "b"),
    ],
)
def test_templates_in_yaml_keep_types(
    written: str, value: object, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBER", "7")
    monkeypatch.setenv("TEXT", "it''s")
    monkeypatch.delenv("MISSING", raising=False)

    assert attributes(f"key: {written}", folder) == {"key": value}


@pytest.mark.parametrize("mark", ["pyproject.toml", "dg.toml", None])
def test_the_project_root_is_that_of_dg(mark: str | None, folder: Path) -> None:
    if mark:
        write(folder / mark, "[tool.dg]\n")
    write(folder / "src" / "pyproject.toml", "[tool.black]\n")
    write(folder / "src" / "defs" / "defs.yaml", f"{COMPONENT}attributes:\n  a: '{{{{ project_root }}}}/shop'\n  b: '{{{{ context.project_root }}}}'\n")  # fmt: skip  # noqa: E501

    layer = defs_layer(Path("src/defs"))

    root = folder if mark else folder / "src" / "defs"
    assert layer is not None
    assert layer.values == {"a": f"{root}/shop", "b": str(root)}


@pytest.mark.parametrize(
    "text",
    [
        f"{COMPONENT}",
        f"{COMPONENT}attributes:\n",
        f"{COMPONENT}attributes: {{}}\ntemplate_vars_module: .variables\n"
        "requirements: {env: [TOKEN]}\npost_processing: {assets: [{target: '*'}]}\n",
        f"---\n{COMPONENT}---\ntype: shop.Other\nattributes: {{group_name: b}}\n---\n",
        f"\ufeff{COMPONENT}",
    ],
)
def test_other_parts_of_a_defs_yaml(text: str, folder: Path) -> None:
    write(folder / "defs" / "defs.yaml", text)
    layer = defs_layer(Path("defs"))

    assert layer is not None
    assert layer.values == {}


def test_which_file_dagster_reads(folder: Path) -> None:
    assert defs_layer(Path("defs")) is None
    folders = "type: dagster.DefsFolderComponent\npost_processing: {assets: []}\n"
    write(folder / "defs" / "defs.yml", folders)
    assert defs_layer(Path("defs")) is None
    assert attributes("group_name: a", folder, "defs.yml") == {"group_name": "a"}
    assert attributes("group_name: b", folder, "defs.yaml") == {"group_name": "b"}
