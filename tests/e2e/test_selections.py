"""Any selection, with what is upstream of it: its rows are those of a whole `sqlmesh run`."""

from __future__ import annotations

import random
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path

import duckdb
import pytest
from sqlmesh import Context

from dg_sqlmesh_codegen.runtime.concurrency.cancel import Stop
from dg_sqlmesh_codegen.runtime.events import BatchEnded, Event
from dg_sqlmesh_codegen.runtime.run_target import Evaluation, Exclusivity, Locking, Target
from dg_sqlmesh_codegen.runtime.sqlmesh import run
from projects import model, write_project

pytestmark = pytest.mark.sqlmesh

MODELS, SELECTIONS = 7, 10
PLANNED, PARTLY, WHOLE = "2026-11-04", "2026-11-06", "2026-11-09"
CONFIG = """
gateways:
  local:
    connection: {type: duckdb, database: "{{ env_var('GRAPH_DATABASE') }}"}
model_defaults: {dialect: duckdb, start: 2026-10-24}
"""
# Rows appear every day, so tables differ from run to run as incremental models do.
DAYS = """
SELECT UNNEST(generate_series(DATE '2026-10-20', @execution_ds::DATE, INTERVAL 1 DAY)) AS ds, 1 AS v
"""
ROWS_OF = "SELECT ds, v FROM s.{}"
QUERY = """
SELECT ds::DATE AS ds, (SUM(v) + 1)::INT AS v FROM ({source}) {where} GROUP BY ds
"""
KINDS = (
    "FULL",
    "VIEW",
    "INCREMENTAL_BY_TIME_RANGE (time_column ds)",
    "INCREMENTAL_BY_UNIQUE_KEY (unique_key ds)",
)


class Graph:
    """A project of random models, and the database that it is planned in."""

    def __init__(self, folder: Path, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, patch
        self.random = random.Random(seed)  # noqa: S311 - the same graph every time
        self.parents: dict[str, list[str]] = {}
        files = dict(self._model(f"m{number}") for number in range(MODELS))
        self.target = Target(
            (str(write_project(folder / "project", files, config=CONFIG)),),
            "prod",
            locking=Locking(Exclusivity.OFF),
        )

    def _model(self, name: str) -> tuple[str, str]:
        known, choice = list(self.parents), self.random.choice
        parents = self.random.sample(known, min(len(known), choice((0, 1, 1, 2))))
        self.parents[name] = parents
        source = " UNION ALL ".join(ROWS_OF.format(parent) for parent in parents) or DAYS
        kind = choice(KINDS)
        where = "WHERE ds BETWEEN @start_ds AND @end_ds" if kind.startswith("INCR") else ""
        cron = choice(("'@daily'", "'@daily'", "'0 0 * * 6'"))
        query = QUERY.format(source=source, where=where)
        return f"models/{name}.sql", model(f"s.{name}", query, kind=kind, cron=cron)

    def upstream(self, names: Collection[str]) -> set[str]:
        """Return the models and everything upstream of them."""
        parents = {parent for name in names for parent in self.parents[name]}
        return {*names, *self.upstream(parents)} if names else set()

    def copy(self, name: str) -> None:
        """Go on with a copy of the planned database."""
        (self.folder / name).mkdir()
        database = self.folder / name / "w.duckdb"
        if (self.folder / "planned" / "w.duckdb").exists():
            shutil.copy(self.folder / "planned" / "w.duckdb", database)
        self.database = database
        self.patch.setenv("GRAPH_DATABASE", str(database))

    def plan(self) -> None:
        context = Context(paths=list(self.target.project_dirs))
        context.plan(
            "prod", execution_time=PLANNED, auto_apply=True, no_prompts=True, skip_tests=True
        )
        context.close()

    def run_sqlmesh(self) -> None:
        """Run everything that is due, with SQLMesh alone."""
        context = Context(paths=list(self.target.project_dirs), load=False)
        context.run("prod", execution_time=WHOLE, end=WHOLE, skip_janitor=True)
        context.close()

    def evaluate(self, names: Iterable[str], at: str) -> set[str]:
        """Run these models as a Dagster run does, and return the models that SQLMesh evaluated."""
        emitted: list[Event] = []
        fqns = frozenset(f'"w"."s"."{name}"' for name in names)
        evaluation = Evaluation(fqns, execution_time=at, end=at)
        run.evaluate(self.target, evaluation, emitted.append, Stop())
        batches = [event for event in emitted if isinstance(event, BatchEnded)]
        assert all(batch.duration_ms is not None for batch in batches)
        return {batch.fqn.split('"')[-2] for batch in batches}

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return {
                name: connection.execute(ROWS_OF.format(name) + " ORDER BY ALL").fetchall()
                for name in self.parents
            }


@pytest.mark.parametrize("seed", range(5))
def test_the_rows_are_those_of_a_whole_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    graph = Graph(tmp_path, seed, monkeypatch)
    names = sorted(graph.parents)
    graph.copy("planned")
    graph.plan()
    graph.evaluate(graph.random.sample(names, 1), PARTLY)  # from now on some are behind others
    graph.copy("whole")
    graph.run_sqlmesh()
    expected = graph.rows()

    for number in range(SELECTIONS):
        selection = graph.random.sample(names, graph.random.randint(1, 3))
        graph.copy(f"selection {number}")
        evaluated = graph.evaluate(selection, WHOLE)

        wanted = graph.upstream(selection)
        assert evaluated <= wanted
        rows = graph.rows()
        assert {name: rows[name] for name in wanted} == {name: expected[name] for name in wanted}
