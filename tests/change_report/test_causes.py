"""Why a code version changed: edits of a real project, and what SQLMesh hashes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlmesh.core import macros

from dg_sqlmesh_codegen.change_report import summary_of
from dg_sqlmesh_codegen.change_report.causes import macros_in
from dg_sqlmesh_codegen.change_report.model import Cause, Summary
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.output.report import Mode
from dg_sqlmesh_codegen.pipeline import generate
from projects import DUCKDB, model, write_project

pytestmark = [pytest.mark.sqlmesh, pytest.mark.xdist_group("causes")]

MACRO = """
from sqlmesh import macro

@macro()
def twice(evaluator, x):
    return f"{x} * 2"
"""
PYTHON = """
import pandas as pd
from sqlmesh import model

@model("a.python", columns={"id": "int"})
def execute(context, **kwargs):
    return pd.DataFrame({"id": [1]})
"""
FILES = {
    "models/seed.sql": "MODEL (name a.seed, kind SEED (path '../seeds/seed.csv'));\n",
    "seeds/seed.csv": "id\n1\n",
    "macros/twice.py": MACRO,
    "models/python.py": PYTHON,
    "models/plain.sql": model("a.plain", "SELECT id FROM a.seed", kind="FULL"),
    "models/macro.sql": model("a.macro", "SELECT @twice(id) AS id FROM a.plain", kind="FULL"),
    "models/variable.sql": model("a.variable", "SELECT @rate AS id", kind="FULL"),
    "models/jinja.sql": model(
        "a.jinja", "JINJA_QUERY_BEGIN;\nSELECT {{ var('rate') }} AS id\nJINJA_END;", kind="FULL"
    ),
    "models/embedded.sql": model("a.embedded", "SELECT id FROM a.plain", kind="EMBEDDED"),
    "models/around.sql": model("a.around", "SELECT id FROM a.embedded", kind="FULL"),
    "models/before.sql": model("a.before", "SET x = 1;\nSELECT 1 AS id", kind="FULL"),
}
CONFIG = f"{DUCKDB}\nvariables: {{rate: 1}}\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("causes")
    write_project(folder / "project", FILES, config=CONFIG)
    generate(Config((folder / "project",), folder / "defs"))
    return folder


@contextmanager
def edited(file: Path, old: str, new: str) -> Iterator[None]:
    before = file.read_text()
    assert old in before
    file.write_text(before.replace(old, new))
    try:
        yield
    finally:
        file.write_text(before)


def summary(folder: Path) -> Summary:
    config = Config((folder / "project",), folder / "defs")
    return summary_of(config.out, changes=generate(config, Mode.CHECK).changes)


@pytest.mark.parametrize(
    ("file", "old", "new", "causes"),
    [
        ("models/plain.sql", "SELECT id", "SELECT id + 0 AS id", {"plain": Cause.QUERY}),
        ("models/plain.sql", "kind FULL", "kind VIEW", {"plain": Cause.DEFINITION}),
        ("models/plain.sql", "kind FULL", "kind FULL, cron '@hourly'", {"plain": Cause.DEFINITION}),
        ("models/plain.sql", "FULL", "FULL, partitioned_by id", {"plain": Cause.DEFINITION}),
        ("models/plain.sql", "kind FULL", "kind FULL, description 'x', tags (y), owner z", {}),
        ("models/plain.sql", "kind FULL", "kind FULL, audits (not_null(columns := id))", {}),
        ("models/before.sql", "SET x = 1", "SET x = 2", {"before": Cause.UNSEEN}),
        ("models/plain.sql", "kind FULL", "kind FULL, stamp 'again'", {"plain": Cause.UNSEEN}),
        ("models/embedded.sql", "SELECT id", "SELECT id + 0 AS id", {}),
        ("macros/twice.py", "* 2", "* 3", {"macro": Cause.MACRO}),
        ("config.yaml", "rate: 1", "rate: 2", {"variable": Cause.MACRO, "jinja": Cause.MACRO}),
        ("models/python.py", "[1]", "[2]", {"python": Cause.PYTHON}),
        ("seeds/seed.csv", "1", "2", {"seed": Cause.SEED}),
    ],
)
def test_causes(project: Path, file: str, old: str, new: str, causes: dict[str, Cause]) -> None:
    """Only these models have another code version: it does not depend on the parents."""
    with edited(project / "project" / file, old, new):
        found = summary(project)
    assert {each.new.key[-1]: each.code.cause for each in found.changed if each.code} == causes
    assert (found.added, found.removed, found.renamed) == ((), (), ())
    assert (found.edges_added, found.edges_removed) == ((), ())


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("SELECT 1", ()),
        ("SELECT @euros(x), @EUROS(y), @rate", ("@EUROS", "@euros", "@rate")),
        ("SELECT * FROM t WHERE d BETWEEN @start_date AND @END_DS", ()),
        ("SELECT @EACH(@columns, c -> @c)", ("@columns",)),
        ("SELECT @VAR('rate')", ("@VAR",)),
        ("SELECT rank_@c, a@b, @@version", ()),
        ("SELECT {{ euros('x') }}", ("Jinja",)),
        ("{% if x %}SELECT 1{% endif %}", ("Jinja",)),
    ],
)
def test_macros_in_a_query(query: str, names: tuple[str, ...]) -> None:
    assert macros_in(query) == names


def test_macros_of_sqlmesh_are_not_listed() -> None:
    own = {"blueprint_var", "var"}
    found = {name for name in macros.macro.get_registry() if macros_in(f"@{name}(x)")}
    assert found - own == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        # SQLMesh hashes the schema of the physical table, which is named after the model's.
        ("before.sql", "a.before", "b.before", (Cause.DEFINITION, ("schema",))),
        ("python.py", "a.python", "a.snake", None),
    ],
)
def test_a_model_under_another_name(
    project: Path, file: str, old: str, new: str, code: tuple[Cause, tuple[str, ...]] | None
) -> None:
    with edited(project / "project/models" / file, old, new):
        found = summary(project)
    (rename,), (change,) = found.renamed, found.changed
    assert [".".join(asset.key[1:]) for asset in (rename.old, rename.new)] == [old, new]
    assert (change.code and (change.code.cause, change.code.names)) == code
