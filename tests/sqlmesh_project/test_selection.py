"""Selectors select what SQLMesh's own command selects, without its state."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.errors import SettingError
from dg_sqlmesh_codegen.sqlmesh_project import describe
from dg_sqlmesh_codegen.sqlmesh_project.records import Project, Selectors, Source
from projects import model, write_project

pytestmark = pytest.mark.sqlmesh

FILES = {
    "models/source.sql": model("raw.source", kind="FULL"),
    "models/hidden.sql": model("raw.hidden", "SELECT id FROM raw.source", kind="EMBEDDED"),
    "models/a.sql": model("marts.a", "SELECT id FROM raw.hidden", tags="(finance, daily)"),
    "models/b.sql": model("marts.b", "SELECT id FROM marts.a", tags="(Finance)"),
    "models/c.sql": model("marts.c", "SELECT id, x FROM lake.events"),
    "external_models.yaml": "- name: lake.events\n  columns: {id: int}\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("project"), FILES)


def inspect(folder: Path, *select: str, exclude: tuple[str, ...] = (), **jobs: str) -> Project:
    made = {name: Selectors((selector,)) for name, selector in jobs.items()}
    return describe.inspect(Source((folder,), selectors=Selectors(select, exclude), jobs=made))


def names(fqns: frozenset[str] | None) -> str:
    """Return the last parts of names in alphabetical order."""
    return " ".join(sorted(fqn.split('"')[-2] for fqn in fqns or ()))


@pytest.mark.parametrize(
    ("select", "exclude", "selected"),
    [
        (["marts.a"], (), "a"),
        (["warehouse.marts.a"], (), "a"),
        (["marts.*"], (), "a b c"),
        (["tag:finance"], (), "a b"),
        (["tag:FIN*"], (), "a b"),
        (["+marts.b"], (), "a b source"),  # through the embedded model, which is no asset
        (["raw.source+"], (), "a b source"),
        (["marts.* & ^tag:daily"], (), "b c"),
        (["tag:daily | marts.c"], (), "a c"),
        (["marts.a", "marts.c"], (), "a c"),
        (["*"], (), "a b c source"),
        (["marts.*"], ("tag:daily", "marts.c"), "b"),
        ([], ("marts.*",), "source"),
    ],
)
def test_what_is_selected(
    folder: Path, select: list[str], exclude: tuple[str, ...], selected: str
) -> None:
    found = inspect(folder, *select, exclude=exclude)

    assert names(found.selected) == selected
    # The names of all others are still known.
    assert len(found.models) == 4


def test_everything_by_default(folder: Path) -> None:
    found = inspect(folder)

    assert found.selected is None
    assert found.jobs == {}
    assert all(found.holds(model.fqn) for model in found.models)


def test_a_job_has_models_of_the_package_only(folder: Path) -> None:
    found = inspect(folder, "marts.*", finance="tag:finance", all="*")

    assert {name: names(fqns) for name, fqns in found.jobs.items()} == {
        "finance": "a b",
        "all": "a b c",
    }
    with pytest.raises(SettingError, match=r"job raw: raw\.source selects no model of the package"):
        inspect(folder, "marts.*", raw="raw.source")


@pytest.mark.parametrize("selector", ["lake.events", "raw.hidden"])
def test_what_sqlmesh_never_evaluates_is_no_model_of_a_package(folder: Path, selector: str) -> None:
    with pytest.raises(SettingError, match="matches no model"):
        inspect(folder, selector)


def test_warnings_are_about_what_is_selected(folder: Path) -> None:
    """SQLMesh itself warns that the column `x` is unknown."""
    unknown = [text for text in inspect(folder).warnings if "columns are unknown" in text]

    assert [text for text in inspect(folder, "marts.a").warnings if text in unknown] == []
