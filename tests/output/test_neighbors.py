"""Packages of one code location that have a name or an asset key in common."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from builders import fqn, model
from dg_sqlmesh_codegen.config import sources
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.errors import UsageError
from dg_sqlmesh_codegen.output import neighbors
from dg_sqlmesh_codegen.package_paths import DEFINITIONS
from dg_sqlmesh_codegen.rendering.header import HEADER
from packages import rendered, translated, write

DG = '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "shop"\n'


@pytest.fixture
def defs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The `defs` folder of a `dg` project, which is the working directory."""
    (tmp_path / "pyproject.toml").write_text(DG, encoding="utf-8")
    folder = tmp_path / "src" / "shop" / "defs"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return folder


Made = tuple[Path, neighbors.Texts]


def made(folder: Path, *models: str, name: str | None = None, external_specs: bool = False) -> Made:
    """Return a package of these models, not written yet, which read `db.raw.t`."""
    folder.parent.mkdir(exist_ok=True)
    config = Config((folder.parent,), folder, name=name, external_specs=external_specs)
    return folder, files(config, *models)


def files(config: Config, *models: str) -> dict[PurePosixPath, str]:
    described = [model(each, depends_on=(fqn("db.raw.t"),)) for each in models]
    found = rendered(translated(*described, config=config))
    return {PurePosixPath(path): text for path, text in found.items()}


def refused(*packages: Made) -> str:
    with pytest.raises(UsageError) as caught:
        neighbors.refuse_common(dict(packages))
    return str(caught.value)


def test_two_packages_without_a_name(defs: Path) -> None:
    assert refused(made(defs / "a", "db.x.a"), made(defs / "b", "db.x.b")) == (
        "the packages src/shop/defs/a and src/shop/defs/b of one code location have the job "
        'sqlmesh_job (and 4 more) in common. Set `name` in one of them. Example: "finance"'
    )


def test_names_that_only_overlap(defs: Path) -> None:
    one, other = made(defs / "a", "db.x.a", name="a"), made(defs / "b", "db.x.b", name="a_sync")

    assert "have the job a_sync_job in common" in refused(one, other)


def test_a_definition_has_the_name_that_it_is_given(defs: Path) -> None:
    """As in templates of one's own, where the variable may have another name."""
    one = {DEFINITIONS: 'daily = dg.define_asset_job("nightly")\n'}
    other = {DEFINITIONS: '@dg.job(name="nightly")\ndef daily(): ...\n'}
    third = {DEFINITIONS: '@dg.schedule(cron_schedule="@daily")\ndef nightly(): ...\n'}

    assert "have the job nightly in common" in refused((defs / "a", one), (defs / "b", other))
    neighbors.refuse_common({defs / "a": one, defs / "b": third})


def test_an_asset_in_common(defs: Path) -> None:
    long = f"db.{'x' * 40}.{'y' * 40}"  # its key takes several lines
    one = made(defs / "a", "db.x.a", long, name="a")
    other = made(defs / "b", long, "db.x.b", name="b")

    assert f"have the asset {long.replace('.', '/')} in common. Let" in refused(one, other)


def test_an_external_table_in_common(defs: Path) -> None:
    one = made(defs / "a", "db.x.a", name="a", external_specs=True)
    neighbors.refuse_common(dict([one, made(defs / "b", "db.x.b", name="b")]))

    other = made(defs / "b", "db.x.b", name="b", external_specs=True)
    assert "have the asset db/raw/t in common" in refused(one, other)


def test_a_package_that_is_there_already(defs: Path) -> None:
    config = Config((defs,), defs / "a", name="a")
    write(files(config, "db.x.a"), config.out)

    assert refused(made(defs / "nested" / "b", "db.x.b", name="a")).startswith(
        "the packages src/shop/defs/nested/b and src/shop/defs/a of one code location have the job"
    )
    neighbors.refuse_common(dict([made(defs / "b", "db.x.b", name="b")]))
    # What is written anew counts, not what is there; and one name is enough.
    neighbors.refuse_common(
        dict([made(defs / "b", "db.x.b", name="a"), made(defs / "a", "db.x.a")])
    )


def test_what_is_no_package_of_the_code_location(defs: Path, tmp_path: Path) -> None:
    """Definitions of one's own, files that cannot be read as ours, folders that `dg` ignores."""
    (defs / "own").mkdir()
    (defs / "own" / "definitions.py").write_text("def sqlmesh_job(): ...", encoding="utf-8")
    (defs / "conflict").mkdir()
    (defs / "conflict" / "definitions.py").write_text(f"<<<<<<< HEAD\n{HEADER}\n=======\n")
    write(files(Config((defs,), tmp_path / "elsewhere"), "db.x.a"), tmp_path / "elsewhere")

    neighbors.refuse_common(dict([made(defs / "a", "db.x.a")]))
    neighbors.refuse_common(dict([made(tmp_path / "other", "db.x.a")]))


@pytest.mark.parametrize(
    ("file", "text", "folder"),
    [
        ("pyproject.toml", DG, "src/shop/defs"),
        ("pyproject.toml", DG, "shop/defs"),
        ("pyproject.toml", f'{DG}defs_module = "shop.assets"\n', "src/shop/assets"),
        ("dg.toml", DG.replace("tool.dg.", "").replace("[tool.dg]\n", ""), "src/shop/defs"),
        ("dg.toml", 'directory_type = "workspace"\n', None),
        ("pyproject.toml", "[tool.other]\n", None),
    ],
)
def test_the_defs_folder(tmp_path: Path, file: str, text: str, folder: str | None) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8")
    expected = tmp_path / folder if folder else None

    assert sources.defs_folder(tmp_path / (folder or "src/shop/defs") / "package") == expected
    assert sources.defs_folder(tmp_path / "elsewhere") is None
