"""The results of a run of checks alone, without SQLMesh and without a Dagster run."""

from __future__ import annotations

import dagster as dg

from dg_sqlmesh_codegen.runtime.due import Due, DueModels
from dg_sqlmesh_codegen.runtime.events import (
    AuditEnded,
    AuditUse,
    DueRead,
    EnvironmentRead,
    PromotedModel,
)
from dg_sqlmesh_codegen.runtime.records import Audit, AuditCheck, ModelAsset
from dg_sqlmesh_codegen.runtime.results.audit_results import AuditResults
from dg_sqlmesh_codegen.runtime.selection import Selection

DAY = 24 * 60 * 60 * 1000
NOT_NULL = Audit("not_null", "SELECT 1")
TOTALS = Audit("totals", "SELECT 1", standalone=True)
A = ModelAsset(
    '"a"',
    dg.AssetSpec("a"),
    [AuditCheck(NOT_NULL, columns="(x)"), AuditCheck(NOT_NULL, columns="(y)"), AuditCheck(TOTALS)],
)
B, GONE = (ModelAsset(f'"{name}"', dg.AssetSpec(name)) for name in ("b", "gone"))
MODELS = [A, B, GONE]
X, Y = (AuditUse("not_null", (("columns", f"({name})"),)) for name in "xy")
PROMOTED = EnvironmentRead(
    tuple(PromotedModel(fqn, "1", (), 5 * DAY) for fqn in ('"a"', '"b"', "totals")), "sqlmesh plan"
)


def selection(*leave_out: str) -> Selection:
    keys = [spec.key for model in MODELS for spec in model.check_specs]
    chosen = frozenset(key for key in keys if key.name not in leave_out)
    return Selection(frozenset(), chosen, "run-1", audits_only=True)


def results(*leave_out: str, failed: str = "") -> AuditResults:
    """Take results of which `failed` failed in an earlier run."""
    found = {failed: "run-0"} if failed else {}
    return AuditResults(MODELS, selection(*leave_out), lambda _: found)


def told(made: AuditResults, *events: AuditEnded | DueRead) -> list[tuple[str, bool, str | None]]:
    """Return the results after these events: check, whether it passed, and the description."""
    list(made.handle(PROMOTED))
    yielded = [each for event in events for each in made.handle(event)]
    found = [*yielded, *made.finish()]
    assert all(isinstance(each, dg.AssetCheckResult) for each in found)
    return [
        (str(each.check_name), each.passed, each.description)
        for each in found
        if isinstance(each, dg.AssetCheckResult) and each.asset_key != GONE.spec.key
    ]


def test_what_is_run() -> None:
    assert selection().nodes(MODELS) == {'"a"', '"b"', '"gone"', "totals"}
    audits = selection().audits(MODELS)
    assert audits.names == {('"a"', "not_null"), ("totals", "totals")}
    assert audits.status is True

    only = selection("sqlmesh_execution_status", "totals")
    assert only.nodes(MODELS) == {'"a"'}
    assert only.audits(MODELS).status is False


def test_each_check_gets_the_result_of_its_use_once() -> None:
    made = results("sqlmesh_execution_status", "not_null__columns_y")
    first, second = (
        AuditEnded('"a"', use, (X, Y), count, "SELECT 1", start_ms=0, end_ms=DAY)
        for use, count in ((X, 0), (Y, 3))
    )
    totals = AuditEnded("totals", AuditUse("totals"), (AuditUse("totals"),), 2, blocking=True)
    names = [spec.name for spec in A.check_specs]

    assert told(made, first, first, second, totals) == [
        (names[0], True, None),
        (names[1], False, "3 rows failed"),
        ("totals", False, "2 rows failed"),
    ]
    assert made.failure() is None


def test_an_audit_that_cannot_run_is_named_by_the_failure() -> None:
    made = results("sqlmesh_execution_status")
    assert told(made, AuditEnded('"a"', X, (X, Y), message="no such table")) == []

    failure = made.failure()
    assert failure
    assert str(failure.description).startswith(
        "SQLMesh could not run the audit not_null of a: no such table"
    )


def test_the_status_is_that_of_the_state() -> None:
    read = DueRead(DueModels({'"a"': Due(0)}))
    status, due = "sqlmesh_execution_status", "up to date: next due at 1970-01-06 00:00 UTC"

    made = results()
    assert told(made, read) == [(status, True, "due"), (status, True, due)]
    failure = made.failure()
    assert failure
    assert "Not promoted in the SQLMesh environment: gone" in str(failure.description)
    failed = told(results(failed='"a"'), read)
    assert failed == [(status, False, "failed: in run run-0"), (status, True, due)]


def test_an_audit_that_the_promoted_model_no_longer_has_is_named() -> None:
    made = results("sqlmesh_execution_status", "totals")
    passed = AuditEnded('"a"', X, (X, AuditUse("not_null", (("columns", "(z)"),))), 0, "SELECT 1")
    assert told(made, passed) == [(A.check_specs[0].name, True, None)]

    failure = made.failure()
    assert failure
    assert str(failure.description).startswith(
        f"SQLMesh could not run the audit of the check {A.check_specs[1].name} of a: "
        "the promoted model does not have it"
    )


def test_after_an_error_no_audit_is_said_to_be_missing() -> None:
    made = results("sqlmesh_execution_status", "totals")
    list(made.handle(PROMOTED))
    list(made.finish(aborted=True))

    failure = made.failure(RuntimeError("the connection was lost"))
    assert failure
    assert "does not have it" not in str(failure.description)
