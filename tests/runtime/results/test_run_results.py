"""The Dagster results of a run's events, without SQLMesh and without a Dagster run.

runs.txt has a block for each case: what SQLMesh reports, and below it what users see. After a
change: `UPDATE_GOLDEN=1 python -m pytest tests/runtime/results`, and read the difference as a user.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.metadata import normalize_metadata

from dg_sqlmesh_codegen.runtime import events
from dg_sqlmesh_codegen.runtime.errors import RunError
from dg_sqlmesh_codegen.runtime.events import AuditUse, Event, Message
from dg_sqlmesh_codegen.runtime.records import Audit, AuditCheck, ModelAsset
from dg_sqlmesh_codegen.runtime.results.run_results import RunResults, SQLMeshResult
from dg_sqlmesh_codegen.runtime.selection import Selection

RUNS = Path(__file__).parent / "runs.txt"
BLOCKS = RUNS.read_text(encoding="utf-8").split("\n\n")
DAY = 24 * 60 * 60 * 1000
USES = {
    "positive": AuditUse("positive"),
    **{name: AuditUse("not_null", (("columns", f"({name})"),)) for name in ("id", "name", "old")},
}
# `a*2(id,positive)@v2~`: a model with two batches, two audits, its version, and signals.
MODEL = re.compile(r"(\w+)(?:\*(\d+))?(?:\(([\w,]+)\))?(?:@(\w+))?(~)?")


def fqn(name: str) -> str:
    return f'"w"."s"."{name}"'


def model(text: str, code_version: str | None = None) -> ModelAsset:
    name, _, checks, _, _ = MODEL.fullmatch(text).groups()  # type: ignore[union-attr]
    key = ["w", "s", name]
    audits = [
        AuditCheck(Audit(USES[check].name, "SELECT 1"), args=dict(USES[check].args))
        for check in (checks or "").split(",")
        if check
    ]
    return ModelAsset(fqn(name), dg.AssetSpec(key, code_version=code_version), tuple(audits))


def due(text: str) -> events.DueModel:
    name, batches, audits, version, signals = MODEL.fullmatch(text).groups()  # type: ignore[union-attr]
    uses = tuple(USES[use] for use in (audits or "").split(",") if use)
    return events.DueModel(
        fqn(name), int(batches or 1), version or "v1", uses, "1", has_signals=bool(signals)
    )


def promoted(text: str) -> events.PromotedModel:
    """Return a promoted model: `b<a` reads `a`. A package has no asset for `external`."""
    name, _, parent = text.partition("<")
    parents = (fqn(parent),) if parent else ()
    return events.PromotedModel(fqn(name), "1", parents, 5 * DAY, is_asset=name != "external")


def event(line: str) -> Event:  # noqa: PLR0911 - one for each kind of event
    """Return the event that a line of runs.txt stands for."""
    kind, *words = line.split()
    thread = next((int(word.partition("=")[2]) for word in words if "=" in word), 0)
    first = fqn(words[0]) if words else ""
    match kind:
        case "promoted":
            return events.EnvironmentRead(tuple(map(promoted, words)))
        case "plan":
            return events.RunPlanned(tuple(map(due, words)))
        case "audit":
            return events.AuditFailed(fqn("a"), USES[words[0]], int(words[1]), "SELECT 1", thread)
        case "batch":
            start, failed = DAY * ("1" in words), "failed" in words
            ended = events.BatchEnded(first, start, start + DAY, None if failed else 1500)
            return replace(ended, thread=thread)
        case "skipped":
            return events.ModelsSkipped(tuple(map(fqn, words)))
        case "blocked":
            return events.ModelFailed(first, "not_null failed", "trace", (USES[words[1]],))
        case "error":
            return events.ModelFailed(first, "no such table", "trace")
    assert kind == "end"
    return events.RunEnded("nothing" in words, "failed" in words)


def results_of(
    *models: ModelAsset, options: Iterable[str] = (), selected: Iterable[str] = ()
) -> RunResults:
    chosen = [each for each in models if not selected or each.spec.key.path[-1] in selected]
    keys = frozenset(each.spec.key for each in chosen)
    specs = [check.key for each in chosen for check in each.check_specs]
    checks = frozenset(() if "unchecked" in options else specs)
    return RunResults(models, Selection(keys, checks, "run-1", "retry" in options))


def facts_of(result: object) -> dict[str, object]:
    """Return the plain values of a result's metadata."""
    assert isinstance(result, dg.MaterializeResult | dg.AssetCheckResult)
    return {key: value.value for key, value in normalize_metadata(result.metadata or {}).items()}


def line_of(result: SQLMeshResult | Message) -> Iterator[str]:
    """Yield what users see of a result: a line for each event, or of the log."""
    if isinstance(result, Message):
        if result.level > logging.INFO:
            yield f"{logging.getLevelName(result.level)}: {result.text}"
        return
    assert result.asset_key
    name = result.asset_key.path[-1]
    if isinstance(result, dg.MaterializeResult):
        yield f"{name}: materialized, {facts_of(result)['sqlmesh/batches']} batches"
        for check in result.check_results or []:
            yield from line_of(check)
    else:
        severity = "ok" if result.passed else result.severity.value
        yield f"{name}/{result.check_name}: {severity} {result.description or ''}".strip()


def told(block: str) -> list[str]:
    """Return what users see of the run of a block: results, the log, and the step's failure."""
    lines = [line for line in block.splitlines() if line[0] not in "# "]
    package, *steps = [step for line in lines for step in line.split("; ")]
    selected = next((step.split() for step in steps if step.startswith("selected")), [])
    raised = RunError("a signal raised") if "raised" in steps else None
    results = results_of(*map(model, package.split()[1:]), options=steps, selected=selected)
    options = re.compile("selected|unchecked|retry|raised")
    happened = [event(step) for step in steps if not options.match(step)]
    yielded = [each for what in happened for each in results.handle(what)]
    found = [*yielded, *results.finish(aborted=raised is not None)]
    seen = [line for each in found for line in line_of(each)]
    failure = results.failure(raised)
    if failure:
        retry = "a retry is allowed" if failure.allow_retries else "no retry"
        seen.append(f"step failed, {retry}: {failure.description}")
    return seen


@pytest.mark.parametrize("index", range(len(BLOCKS)), ids=[each.splitlines()[0] for each in BLOCKS])
def test_what_users_see_of_a_run(index: int) -> None:
    block = BLOCKS[index].rstrip()
    given = [line for line in block.splitlines() if not line.startswith("    ")]
    seen = told(block)
    if os.environ.get("UPDATE_GOLDEN"):
        BLOCKS[index] = "\n".join([*given, *(f"    {line}" for line in seen)])
        RUNS.write_text("\n\n".join(BLOCKS).rstrip() + "\n", encoding="utf-8")
    else:
        assert seen == [line.strip() for line in block.splitlines() if line not in given]


def test_a_model_is_materialized_when_its_last_batch_ends() -> None:
    results = results_of(model("a"))
    first = events.BatchEnded(fqn("a"), 0, DAY, 1500, rows=3, bytes=10)
    second = events.BatchEnded(fqn("a"), DAY, 2 * DAY, 1500, rows=4)
    assert not [*results.handle(first)]  # nothing is planned
    assert [type(each) for each in results.handle(event("plan a*2"))] == [Message]
    assert [type(each) for each in results.handle(first)] == [Message]
    line, result = results.handle(second)

    assert isinstance(line, Message)
    assert line.text == "2/2 w.s.a [1970-01-02] 4 rows in 1.5 s"
    assert isinstance(result, dg.MaterializeResult)
    assert result.data_version == dg.DataVersion("v1-run-1")
    assert facts_of(result) == {
        "sqlmesh/snapshot_version": "v1",
        "sqlmesh/intervals": [["1970-01-01T00:00:00+00:00", "1970-01-03T00:00:00+00:00"]],
        "sqlmesh/batches": 2,
        "sqlmesh/duration_seconds": 3.0,
        "sqlmesh/rows_processed": 7,
        "sqlmesh/bytes_processed": 10,
    }


def test_a_model_that_is_replaced_as_a_whole_has_its_number_of_rows() -> None:
    for is_full, rows in ((True, 3), (False, None)):
        results = results_of(model("a(id)"))
        list(results.handle(events.RunPlanned((replace(due("a(id)"), is_full=is_full),))))
        *_, result = results.handle(events.BatchEnded(fqn("a"), 0, DAY, 1500, rows=3))
        assert facts_of(result).get("dagster/row_count") == rows
        assert isinstance(result, dg.MaterializeResult)
        audit, _ = result.check_results or ()
        assert facts_of(audit) == {"sqlmesh/count": 0}


def test_an_error_is_short_and_its_traceback_is_at_debug_level() -> None:
    results = results_of(model("a"))
    list(results.handle(event("plan a*2")))
    seen = [each for line in ("batch a failed", "error a") for each in results.handle(event(line))]

    assert [(each.level, each.text) for each in seen if isinstance(each, Message)] == [
        (logging.INFO, "1/2 w.s.a [1970-01-01] failed"),
        (logging.ERROR, "w.s.a failed: no such table"),
        (logging.DEBUG, "w.s.a: trace"),
    ]


def test_the_metadata_of_failed_audits_and_of_models_that_are_not_evaluated() -> None:
    results = results_of(*map(model, ("a(id)", "b", "c", "f")))
    lines = (
        "promoted a b<a c<b d e<d f<e",
        "plan a(id) d*0~ f*0",
        "audit id 2",
        "batch a failed",
        "skipped c",
    )
    for line in (*lines, "blocked a id", "end failed"):
        list(results.handle(event(line)))

    assert [facts_of(each) for each in results.finish()] == [
        {
            "sqlmesh/count": 2,
            "sqlmesh/audit_query": "```sql\nSELECT 1\n```",
            "sqlmesh/audit_args": "columns := (id)",
        },
        {"sqlmesh/status": "failed", "sqlmesh/error": "not_null failed"},
        {"sqlmesh/status": "not due", "sqlmesh/next_due": 432000.0},
        {"sqlmesh/status": "skipped", "sqlmesh/failed_upstream": ["w.s.a"]},
        {
            "sqlmesh/status": "waiting for signals upstream",
            "sqlmesh/waiting_upstream": ["w.s.d"],
        },
    ]


def test_the_promoted_version_is_reported_if_it_differs_from_the_package() -> None:
    results = results_of(model("a", "old"), model("b", "1"), model("c"))
    (warning,) = results.handle(event("promoted a b c"))
    lines = ("plan a b c", "batch a", "batch b", "batch c")
    found = [each for line in lines for each in results.handle(event(line))]
    facts = [each for each in found if not isinstance(each, Message)]

    assert isinstance(warning, Message)
    assert "1 model (w.s.a). SQLMesh runs the promoted version" in warning.text
    versions = [facts_of(each).get("sqlmesh/code_version_promoted") for each in facts]
    assert versions == ["1", None, None]


def test_a_thousand_errors_stay_readable() -> None:
    names = [f"m{number:04}" for number in range(1000)]
    results = results_of(*map(model, names))
    for name in names:
        list(results.handle(events.ModelFailed(fqn(name), "x" * 50_000, "trace")))
    failure = results.failure()

    assert failure
    assert len(str(failure.description)) < 25_000
    assert "could not evaluate 1000 models: w.s.m0000: xxx" in str(failure.description)
    assert str(failure.description).endswith("and 990 more")
    assert failure.metadata["sqlmesh/failed"].value == [f"w.s.{name}" for name in names]


def test_every_model_of_a_long_chain_has_its_failed_upstream_model() -> None:
    """The graph is read once: one search for each of 4,000 skipped models took seconds."""
    names = [f"m{number:04}" for number in range(3000)]
    results = results_of(*map(model, names[1:]))
    chain = [names[0], *(f"m{number:04}<m{number - 1:04}" for number in range(1, 3000))]
    for line in (f"promoted {' '.join(chain)}", f"skipped {' '.join(names)}", "error m0000"):
        list(results.handle(event(line)))

    found = {str(facts_of(each)["sqlmesh/failed_upstream"]) for each in results.finish()}
    assert found == {"['w.s.m0000']"}


@pytest.mark.parametrize(
    ("environment", "view", "shown"),
    [("dev", "w.s__dev.a", "w.s__dev.a"), (None, '"W"."S"."A"', None), ("dev", "", None)],
)
def test_a_materialization_names_the_view_of_its_environment(
    environment: str | None, view: str, shown: str | None
) -> None:
    plain = model("a")
    named = replace(
        plain, spec=plain.spec.replace_attributes(metadata={"dagster/table_name": "w.s.a"})
    )
    checks = frozenset(check.key for check in named.check_specs)
    selection = Selection(frozenset([named.spec.key]), checks, "run-1", environment=environment)
    results = RunResults([named], selection)
    uri = "postgres://db:5432/w.s.a"
    read = events.EnvironmentRead((replace(promoted("a"), view=view, uri=uri),))
    found = [
        each for it in (read, event("plan a"), event("batch a")) for each in results.handle(it)
    ]

    (made,) = [each for each in found if isinstance(each, dg.MaterializeResult)]
    assert facts_of(made).get("dagster/table_name") == shown
    assert facts_of(made)["dagster/uri"] == uri
    assert "dagster/table_name" not in facts_of((made.check_results or [])[0])


def test_checks_of_assets_that_are_not_selected_are_named() -> None:
    a, b = model("a"), model("b")
    keys = frozenset([a.spec.key]), frozenset([a.status_check.key, b.status_check.key])
    read = events.EnvironmentRead((promoted("a"), promoted("b")))

    (said,) = RunResults([a, b], Selection(*keys, "run-1")).handle(read)
    assert isinstance(said, events.Message)
    assert said.text.endswith("Run them alone: sqlmesh_execution_status of w/s/b")
    assert [*RunResults([a, b], Selection(frozenset(), keys[1], "run-1")).handle(read)] == []
