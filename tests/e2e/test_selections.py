"""Any selection, with what is upstream of it, ends as in a whole `sqlmesh run`."""

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
SOURCES = "CREATE SCHEMA raw; CREATE TABLE raw.bad (model TEXT);"
AUDIT = "(forall(criteria := ((SELECT COUNT(*) FROM raw.bad WHERE model = '{}') = 0)))"
INTERVALS = "SELECT name, start_ts, end_ts, is_removed FROM sqlmesh._intervals"
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
        audits = AUDIT.format(name)
        text = model(f"s.{name}", query, kind=kind, cron=cron, audits=audits)
        return f"models/{name}.sql", text

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

    def execute(self, sql: str) -> None:
        with duckdb.connect(str(self.database)) as connection:
            connection.execute(sql)

    def plan(self) -> None:
        self.execute(SOURCES)
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
        """Run these models as a Dagster run does, and return the models with no failed batch."""
        emitted: list[Event] = []
        fqns = frozenset(f'"w"."s"."{name}"' for name in names)
        evaluation = Evaluation(fqns, execution_time=at, end=at)
        run.evaluate(self.target, evaluation, emitted.append, Stop())
        batches = [event for event in emitted if isinstance(event, BatchEnded)]
        return {batch.fqn.split('"')[-2] for batch in batches if batch.duration_ms is not None}

    def contents(self) -> dict[str, tuple[object, object]]:
        """Return the rows and the intervals of each model."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            intervals = connection.execute(INTERVALS + " ORDER BY ALL").fetchall()
            return {
                name: (
                    connection.execute(ROWS_OF.format(name) + " ORDER BY ALL").fetchall(),
                    [each for each in intervals if each[0].endswith(f'"{name}"')],
                )
                for name in self.parents
            }


@pytest.mark.parametrize("seed", range(10))
def test_a_selection_ends_as_in_a_whole_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    graph = Graph(tmp_path, seed, monkeypatch)
    names = sorted(graph.parents)
    graph.copy("planned")
    graph.plan()
    graph.evaluate(graph.random.sample(names, 1), PARTLY)  # from now on some are behind others
    for name in graph.random.sample(names, seed % 3):
        graph.execute(f"INSERT INTO raw.bad VALUES ('{name}')")  # noqa: S608 - our own name
    before = graph.contents()
    graph.copy("whole")
    graph.run_sqlmesh()
    expected = graph.contents()

    for number in range(SELECTIONS):
        selection = graph.random.sample(names, graph.random.randint(1, 3))
        graph.copy(f"selection {number}")
        evaluated = graph.evaluate(selection, WHOLE)

        wanted, found = graph.upstream(selection), graph.contents()
        assert {name: found[name] for name in wanted} == {name: expected[name] for name in wanted}
        # What is reported is what the state holds.
        assert evaluated == {name for name in names if found[name][1] != before[name][1]}
