"""The Dagster results of a run's events, without SQLMesh and without a Dagster run."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

import dagster as dg
import pytest
from dagster._core.definitions.metadata import normalize_metadata

from dg_sqlmesh_codegen.runtime.errors import RunError
from dg_sqlmesh_codegen.runtime.events import (
    AuditFailed,
    AuditUse,
    BatchEnded,
    DueModel,
    EnvironmentRead,
    Event,
    Message,
    ModelFailed,
    ModelsSkipped,
    PromotedModel,
    RunEnded,
    RunPlanned,
)
from dg_sqlmesh_codegen.runtime.records import AuditCheck, ModelAsset
from dg_sqlmesh_codegen.runtime.results.run_results import RunResults
from dg_sqlmesh_codegen.runtime.selection import Selection

DAY = 24 * 60 * 60 * 1000
ON_ID = AuditUse("not_null", (("columns", "(id)"),))
ON_NAME = AuditUse("not_null", (("columns", "(name)"),))
POSITIVE = AuditUse("positive")


def fqn(name: str) -> str:
    return f'"w"."s"."{name}"'


def model(name: str, code_version: str | None = None, **checks: AuditUse) -> ModelAsset:
    key = ["w", "s", name]
    return ModelAsset(
        fqn=fqn(name),
        spec=dg.AssetSpec(key, code_version=code_version),
        audits=tuple(
            AuditCheck(use.name, dict(use.args), dg.AssetCheckSpec(check, asset=key))
            for check, use in checks.items()
        ),
    )


def due(name: str, batches: int = 1, *audits: AuditUse) -> DueModel:
    return DueModel(fqn(name), batches, "v1", tuple(audits))


def batch(name: str, day: int = 0, *, ok: bool = True) -> BatchEnded:
    return BatchEnded(fqn(name), day * DAY, (day + 1) * DAY, 1500 if ok else None)


def promoted(name: str, *parents: str) -> PromotedModel:
    return PromotedModel(fqn(name), "1", tuple(fqn(parent) for parent in parents), 5 * DAY)


class Run:
    """A run of the given models."""

    def __init__(
        self,
        *models: ModelAsset,
        selected: Iterable[str] | None = None,
        is_retry: bool = False,
        with_checks: bool = True,
    ) -> None:
        chosen = [m for m in models if selected is None or m.spec.key.path[-1] in selected]
        keys = frozenset(m.spec.key for m in chosen)
        checks = frozenset(check.key for m in chosen if with_checks for check in m.check_specs)
        self.results = RunResults(models, Selection(keys, checks, "run-1", is_retry))

    def take(self, *events: Event) -> list[object]:
        """Return everything but the informational messages."""
        yielded = [item for event in events for item in self.results.handle(event)]
        return [
            item
            for item in yielded
            if not (isinstance(item, Message) and item.level is logging.INFO)
        ]

    def failure(self, error: Exception | None = None) -> dg.Failure:
        """Return the failure of the step. There must be one."""
        failure = self.results.failure(error)
        assert failure is not None
        return failure

    def finish(self) -> dict[tuple[str, str], dg.AssetCheckResult]:
        found = {}
        for result in self.results.finish():
            assert isinstance(result, dg.AssetCheckResult)
            assert result.asset_key is not None
            found[result.asset_key.path[-1], str(result.check_name)] = result
        return found


def facts_of(result: object) -> dict[str, object]:
    """Return the plain values of a result's metadata."""
    assert isinstance(result, dg.MaterializeResult | dg.AssetCheckResult)
    return {key: value.value for key, value in normalize_metadata(result.metadata or {}).items()}


def failed_check(result: object) -> dg.AssetCheckResult:
    assert isinstance(result, dg.MaterializeResult)
    (check,) = [check for check in result.check_results or [] if not check.passed]
    return check


def checks_of(result: object) -> dict[str, bool]:
    assert isinstance(result, dg.MaterializeResult)
    return {str(check.check_name): check.passed for check in result.check_results or []}


def test_a_model_is_materialized_when_its_last_batch_ends() -> None:
    run = Run(model("a"))

    assert run.take(RunPlanned((due("a", 2),)), batch("a", 0)) == []
    (result,) = run.take(batch("a", 1))

    assert isinstance(result, dg.MaterializeResult)
    assert result.asset_key == dg.AssetKey(["w", "s", "a"])
    assert result.data_version == dg.DataVersion("v1-run-1")
    assert facts_of(result) == {
        "sqlmesh/snapshot_version": "v1",
        "sqlmesh/intervals": [["1970-01-01T00:00:00+00:00", "1970-01-03T00:00:00+00:00"]],
        "sqlmesh/batches": 2,
        "sqlmesh/duration_seconds": 3.0,
    }
    assert run.finish() == {}
    assert run.results.failure() is None


def test_rows_and_bytes_are_summed_where_the_engine_reports_them() -> None:
    events = [
        BatchEnded(fqn("a"), 0, DAY, 1, rows=3, bytes=10),
        BatchEnded(fqn("a"), DAY, 2 * DAY, 1, rows=4),
    ]
    (result,) = Run(model("a")).take(RunPlanned((due("a", 2),)), *events)
    facts = facts_of(result)

    assert (facts["sqlmesh/rows_processed"], facts["sqlmesh/bytes_processed"]) == (7, 10)


def test_uses_of_one_audit_are_distinguished_by_their_arguments() -> None:
    run = Run(model("a", on_id=ON_ID, on_name=ON_NAME, positive=POSITIVE))
    planned = RunPlanned((due("a", 1, ON_ID, ON_NAME, POSITIVE),))
    failed = AuditFailed(fqn("a"), ON_NAME, 3, "SELECT 1")
    (result,) = run.take(planned, failed, batch("a"))

    assert checks_of(result) == {
        "on_id": True,
        "on_name": False,
        "positive": True,
        "sqlmesh_execution_status": True,
    }
    check = failed_check(result)
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert facts_of(check)["sqlmesh/count"] == 3
    assert facts_of(check)["sqlmesh/audit_args"] == {"columns": "(name)"}


def test_rows_of_an_audit_that_failed_on_several_batches_are_added_up() -> None:
    run = Run(model("a", positive=POSITIVE))
    failed = AuditFailed(fqn("a"), POSITIVE, 3, "SELECT 1")
    planned = RunPlanned((due("a", 2, POSITIVE),))
    (result,) = run.take(planned, failed, batch("a"), failed, batch("a", 1))

    assert facts_of(failed_check(result))["sqlmesh/count"] == 6


def test_an_audit_that_is_not_in_the_package_causes_a_warning() -> None:
    run = Run(model("a", positive=POSITIVE))
    (warning,) = run.take(RunPlanned((due("a", 1, POSITIVE, ON_ID),)))

    assert isinstance(warning, Message)
    assert warning.level is logging.WARNING
    assert "w.s.a has audits that are not in the generated package: not_null" in warning.text


AUDITED = RunPlanned((due("a", 1, ON_ID),))
FOUND = AuditFailed(fqn("a"), ON_ID, 2, "SELECT 1")


@pytest.mark.parametrize(
    ("events", "audits"),
    [
        # The package can have an audit that is not promoted yet: it did not run.
        ([RunPlanned((due("a", 1, POSITIVE),)), batch("a")], {"positive": True}),
        # A restart forgets the failed audits of failed batches.
        ([AUDITED, FOUND, batch("a", ok=False), AUDITED, batch("a")], {"on_id": True}),
    ],
)
def test_only_audits_that_ran_have_results(events: list[Event], audits: dict[str, bool]) -> None:
    (result,) = Run(model("a", on_id=ON_ID, positive=POSITIVE)).take(*events)

    assert checks_of(result) == {**audits, "sqlmesh_execution_status": True}


def test_a_blocking_audit_fails_the_model_and_allows_no_retry() -> None:
    run = Run(model("a", on_id=ON_ID, positive=POSITIVE), model("b"), model("c"))
    run.take(
        EnvironmentRead((promoted("a"), promoted("b", "a"), promoted("c", "b"))),
        RunPlanned((due("a", 1, ON_ID, POSITIVE), due("c"))),
        FOUND,
        batch("a", ok=False),
        ModelsSkipped((fqn("c"),)),
        ModelFailed(fqn("a"), "Audits failed: not_null", "trace", (ON_ID,)),
    )
    found = run.finish()

    assert found["a", "on_id"].severity is dg.AssetCheckSeverity.ERROR
    assert not found["a", "on_id"].passed
    assert found["a", "positive"].passed
    assert found["a", "sqlmesh_execution_status"].description == "failed"
    assert found["b", "sqlmesh_execution_status"].description == "not due"
    assert facts_of(found["b", "sqlmesh_execution_status"])["sqlmesh/next_due"] == 432000.0
    skipped = found["c", "sqlmesh_execution_status"]
    assert (skipped.passed, skipped.description) == (False, "skipped")
    # Through `b`, which was not due.
    assert facts_of(skipped)["sqlmesh/failed_upstream"] == ["w.s.a"]
    failure = run.failure()
    assert failure.allow_retries is False
    assert failure.description == (
        "SQLMesh could not evaluate 1 model: w.s.a: Audits failed: not_null. "
        "Skipped downstream: w.s.c"
    )


def test_a_failed_query_allows_a_retry_and_reports_no_audits() -> None:
    run = Run(model("a", on_id=ON_ID), model("b"))
    events: list[Event] = [
        RunPlanned((due("a", 1, ON_ID), due("b"))),
        batch("b"),
        batch("a", ok=False),
        ModelFailed(fqn("a"), "connection lost", "Traceback: connection lost"),
    ]
    yielded = run.take(*events)

    # The model that was finished before the failure is still reported.
    assert [type(item) for item in yielded] == [dg.MaterializeResult, Message]
    assert set(run.finish()) == {("a", "sqlmesh_execution_status")}
    failure = run.failure()
    assert failure.allow_retries is True


def test_a_model_with_a_failed_batch_is_not_materialized() -> None:
    run = Run(model("a"))
    yielded = run.take(
        RunPlanned((due("a", 3),)), batch("a", 0), batch("a", 1, ok=False), batch("a", 2)
    )

    assert yielded == []


def test_a_restarted_run_reports_each_model_once() -> None:
    run = Run(model("a"), model("b"))
    first = run.take(RunPlanned((due("a"), due("b"))), batch("a"))
    second = run.take(RunPlanned((due("a"), due("b"))), batch("a"), batch("b"))

    assert [type(item) for item in first] == [dg.MaterializeResult]
    assert [type(item) for item in second] == [dg.MaterializeResult]
    (result,) = second
    assert isinstance(result, dg.MaterializeResult)
    assert result.asset_key == dg.AssetKey(["w", "s", "b"])


def test_a_model_that_waits_for_its_signals() -> None:
    run = Run(model("a"))
    run.take(RunPlanned((replace(due("a", 0), has_signals=True),)))
    status = run.finish()["a", "sqlmesh_execution_status"]

    assert (status.passed, status.description) == (True, "waiting for its signals")


def test_a_model_below_one_that_waits_names_it() -> None:
    run = Run(model("a"), model("b"), model("c"), selected=["c"])
    chain = EnvironmentRead((promoted("a"), promoted("b", "a"), promoted("c", "b")))
    waits = replace(due("a", 0), has_signals=True)
    run.take(chain, RunPlanned((waits, due("b", 0), due("c", 0))))
    found = run.finish()

    assert found["a", STATUS].description == "waiting for its signals"
    assert found["c", STATUS].description == "waiting for signals upstream"
    assert facts_of(found["c", STATUS])["sqlmesh/waiting_upstream"] == ["w.s.a"]


def test_a_model_that_was_not_selected_is_reported_with_all_its_checks() -> None:
    """SQLMesh evaluates it because a selected model is downstream of it."""
    run = Run(model("a", on_id=ON_ID), model("b"), selected=["b"])
    planned = RunPlanned((due("a", 1, ON_ID), due("b")))
    upstream, selected = run.take(planned, batch("a"), batch("b"))

    assert checks_of(upstream) == {"on_id": True, "sqlmesh_execution_status": True}
    assert isinstance(upstream, dg.MaterializeResult)
    assert upstream.data_version == dg.DataVersion("v1-run-1")
    assert checks_of(selected) == {"sqlmesh_execution_status": True}


def test_checks_that_were_not_selected_are_not_reported() -> None:
    run = Run(model("a", on_id=ON_ID), with_checks=False)
    (result,) = run.take(AUDITED, batch("a"))

    assert checks_of(result) == {}


def test_an_audit_with_the_same_arguments_twice_is_reported_once() -> None:
    run = Run(model("a", on_id=ON_ID))
    (result,) = run.take(RunPlanned((due("a", 1, ON_ID, ON_ID),)), batch("a"))

    assert isinstance(result, dg.MaterializeResult)
    assert [check.check_name for check in result.check_results or []] == [
        "on_id",
        "sqlmesh_execution_status",
    ]


def test_a_restart_keeps_evaluated_batches_and_forgets_skipped_models() -> None:
    run = Run(model("a"), model("b"))
    planned = RunPlanned((due("a", 2), due("b")))
    run.take(planned, batch("a", 0), ModelsSkipped((fqn("b"),)))
    (a, b) = run.take(RunPlanned((due("a"), due("b"))), batch("a", 1), batch("b"))

    assert [type(item) for item in (a, b)] == [dg.MaterializeResult] * 2
    assert facts_of(a)["sqlmesh/batches"] == 2
    assert run.results.failure() is None


def test_a_retry_does_not_report_models_of_the_first_attempt_as_not_due() -> None:
    run = Run(model("a"), model("b"), is_retry=True)
    run.take(RunPlanned((due("b"),)), ModelFailed(fqn("b"), "no", "no"))

    assert set(run.finish()) == {("b", "sqlmesh_execution_status")}


QUERY_ERROR = ModelFailed(fqn("a"), "no such table", "trace")
AUDIT_ERROR = ModelFailed(fqn("a"), "Audits failed: not_null", "trace", (ON_ID,))


def test_all_errors_of_a_model_with_several_batches_are_reported() -> None:
    """SQLMesh goes on with a model's other batches when one of them has failed."""
    run = Run(model("a", on_id=ON_ID, positive=POSITIVE))
    planned = RunPlanned((due("a", 2, ON_ID, POSITIVE),))
    run.take(planned, batch("a", ok=False), FOUND, batch("a", 1, ok=False))
    run.take(QUERY_ERROR, AUDIT_ERROR)
    found = run.finish()

    assert found["a", "on_id"].severity is dg.AssetCheckSeverity.ERROR
    # One batch was not audited, so the other audit has not passed on all of the data.
    assert ("a", "positive") not in found
    failure = run.failure()
    assert failure.allow_retries is True
    assert "no such table; Audits failed: not_null" in str(failure.description)


def test_a_run_that_ends_with_an_error_reports_what_is_certain() -> None:
    run = Run(model("a", on_id=ON_ID), model("b"), model("c"))
    planned = RunPlanned((due("a", 1, ON_ID), due("b"), due("c")))
    run.take(planned, batch("b"), FOUND, batch("a", ok=False), AUDIT_ERROR)
    found = {
        (str(check.asset_key), str(check.check_name))
        for check in run.results.finish(aborted=True)
        if isinstance(check, dg.AssetCheckResult)
    }
    failure = run.failure(RunError("after_all raised"))

    assert {name for _, name in found} == {"on_id", "sqlmesh_execution_status"}
    assert len(found) == 2  # SQLMesh reported nothing about `c`
    assert "SQLMesh's run ended with: after_all raised" in str(failure.description)
    assert failure.allow_retries is True


STATUS = "sqlmesh_execution_status"
SUCCESS, FAILURE = RunEnded(nothing_to_do=False), RunEnded(nothing_to_do=False, failed=True)
NO_RESULT = "did not report a result for all of its batches"


@pytest.mark.parametrize("end", [SUCCESS, FAILURE], ids=["success", "failure"])
@pytest.mark.parametrize("ended", [[], [batch("a", ok=False)], [batch("a")]])
def test_a_due_model_without_a_reported_end_fails(end: RunEnded, ended: list[Event]) -> None:
    run = Run(model("a"), model("b"))
    run.take(EnvironmentRead((promoted("a"), promoted("b"))))
    run.take(RunPlanned((due("a", 2), due("b"))), *ended, batch("b"), end)

    failure = run.failure()
    assert f"w.s.a: SQLMesh {NO_RESULT}" in str(failure.description)
    assert failure.metadata["sqlmesh/failed"].value == ["w.s.a"]
    assert failure.allow_retries
    checks = run.finish()
    assert facts_of(checks["a", STATUS])["sqlmesh/status"] == "failed"
    assert not checks["a", STATUS].passed
    assert {name for name, _ in checks} == {"a"}


def test_a_failed_run_fails_the_step_even_if_no_model_is_reported() -> None:
    run = Run(model("a"))
    run.take(EnvironmentRead((promoted("a"),)), RunPlanned((due("a"),)), batch("a"), FAILURE)

    failure = run.failure()
    assert "SQLMesh did not report which model failed" in str(failure.description)
    assert failure.allow_retries


def test_a_run_that_went_well_has_no_failure() -> None:
    run = Run(model("a"), model("b"))
    run.take(EnvironmentRead((promoted("a"), promoted("b"))))
    run.take(RunPlanned((due("a"), replace(due("b", 0), has_signals=True))), batch("a"), SUCCESS)

    assert run.results.failure() is None
    assert facts_of(run.finish()["b", STATUS])["sqlmesh/status"] == "waiting for its signals"


def test_a_run_that_fails_as_a_whole_allows_a_retry() -> None:
    failure = Run(model("a")).failure(RunError("ValueError: a signal raised"))

    assert failure.description == "SQLMesh's run failed: ValueError: a signal raised"
    assert failure.allow_retries is True


def test_two_uses_of_an_audit_of_which_the_package_has_one() -> None:
    """The arguments differ, so the name does not tell which use the check is for."""
    run = Run(model("a", not_null=AuditUse("not_null", (("columns", "(old)"),))))
    yielded = run.take(RunPlanned((due("a", 1, ON_ID, ON_NAME),)), batch("a"))

    assert [type(item) for item in yielded] == [Message, dg.MaterializeResult]
    assert checks_of(yielded[1]) == {"sqlmesh_execution_status": True}


def test_a_restart_keeps_failed_audits_of_successful_batches() -> None:
    """Two batches in two threads: one is successful, with a warning of an audit."""
    run = Run(model("a", on_id=ON_ID))
    planned = RunPlanned((due("a", 2, ON_ID),))
    on_good = AuditFailed(fqn("a"), ON_ID, 2, "SELECT 1", thread=1)
    on_failed = AuditFailed(fqn("a"), ON_ID, 7, "SELECT 1", thread=2)
    good = replace(batch("a"), thread=1)
    failed = replace(batch("a", 1, ok=False), thread=2)
    run.take(planned, on_failed, on_good, good, failed)
    (result,) = run.take(AUDITED, replace(batch("a", 1), thread=1))

    assert facts_of(result)["sqlmesh/batches"] == 2
    assert facts_of(failed_check(result))["sqlmesh/count"] == 2


def test_a_restart_with_another_version_starts_from_nothing() -> None:
    run = Run(model("a", on_id=ON_ID))
    run.take(RunPlanned((due("a", 2, ON_ID),)), FOUND)
    run.take(batch("a"))
    new = replace(due("a", 1, ON_ID), version="v2")
    (result,) = run.take(RunPlanned((new,)), batch("a"))

    assert facts_of(result)["sqlmesh/batches"] == 1
    assert checks_of(result) == {"on_id": True, "sqlmesh_execution_status": True}


def test_an_evaluation_after_a_restart_is_not_reported_a_second_time() -> None:
    run = Run(model("a", on_id=ON_ID))
    assert len(run.take(AUDITED, batch("a"))) == 1
    again = replace(due("a", 1, ON_ID), version="v2")

    assert run.take(RunPlanned((again,)), FOUND, batch("a")) == []
    assert run.finish() == {}
    assert run.results.failure() is None


def test_the_promoted_version_is_reported_if_it_differs_from_the_package() -> None:
    run = Run(model("a", code_version="old"), model("b", code_version="1"), model("c"))
    drifted = run.take(EnvironmentRead(tuple(promoted(name) for name in "abc")))
    planned = RunPlanned(tuple(replace(due(name), data_hash="1") for name in "abc"))
    a, b, c = run.take(planned, batch("a"), batch("b"), batch("c"))

    (warning,) = drifted
    assert isinstance(warning, Message)
    assert warning.level is logging.WARNING
    assert "1 model (w.s.a)" in warning.text
    assert "`python -m dg_sqlmesh_codegen`" in warning.text
    assert facts_of(a)["sqlmesh/code_version_promoted"] == "1"
    assert "sqlmesh/code_version_promoted" not in {**facts_of(b), **facts_of(c)}


def test_models_that_are_not_in_the_package_cause_one_warning() -> None:
    run = Run(model("a"), model("b"), selected=["b"])
    lacking = [promoted(name) for name in "xy"]
    # External models, embedded ones and standalone audits have no asset in any package.
    external = replace(promoted("external"), is_asset=False)
    found = run.take(EnvironmentRead((promoted("a"), promoted("b"), *lacking, external)))

    (warning,) = found
    assert isinstance(warning, Message)
    assert "not in the generated package: 2 models (w.s.x, w.s.y)" in warning.text


def test_a_selected_model_that_is_not_promoted_fails_the_step_and_other_models_run() -> None:
    run = Run(model("a"), model("new"), model("other_new"), selected=["a", "new"])
    read = EnvironmentRead((promoted("a"),), "sqlmesh -p shop plan prod")
    (result,) = run.take(read, RunPlanned((due("a"),)), batch("a"))
    found = run.finish()
    failure = run.failure()

    assert isinstance(result, dg.MaterializeResult)
    assert found["new", "sqlmesh_execution_status"].description == "not promoted"
    assert not found["new", "sqlmesh_execution_status"].passed
    assert "Not promoted in the SQLMesh environment: w.s.new. " in str(failure.description)
    assert "`sqlmesh -p shop plan prod`" in str(failure.description)
    assert failure.allow_retries is False


def test_a_failure_also_lists_models_that_are_not_promoted() -> None:
    run = Run(model("a"), model("new"))
    run.take(EnvironmentRead((promoted("a"),)), RunPlanned((due("a"),)), batch("a", ok=False))
    run.take(QUERY_ERROR)
    failure = run.failure()

    assert "no such table. Not promoted" in str(failure.description)
    assert failure.allow_retries is True


def test_a_thousand_errors_stay_readable() -> None:
    names = [f"m{number:04}" for number in range(1000)]
    run = Run(*(model(name) for name in names))
    run.take(RunPlanned(tuple(due(name) for name in names)))
    run.take(*(ModelFailed(fqn(name), "x" * 50_000, "trace") for name in names))
    failure = run.failure()

    assert len(str(failure.description)) < 25_000
    assert "could not evaluate 1000 models: w.s.m0000: xxx" in str(failure.description)
    assert "and 990 more" in str(failure.description)
    assert failure.metadata["sqlmesh/failed"].value == [f"w.s.{name}" for name in names]


def test_every_model_of_a_long_chain_has_its_failed_upstream_model() -> None:
    """The graph is read once: one search for each of 4,000 skipped models took seconds."""
    names = [f"m{number:04}" for number in range(3000)]
    run = Run(*(model(name) for name in names))
    chain = [promoted(name, *names[max(index - 2, 0) : index]) for index, name in enumerate(names)]
    run.take(EnvironmentRead(tuple(chain)), RunPlanned((due("m0000"),)))
    run.take(ModelFailed(fqn("m0000"), "no", "no"), ModelsSkipped(tuple(map(fqn, names[1:]))))
    found = run.finish()

    assert {
        str(facts_of(found[name, "sqlmesh_execution_status"])["sqlmesh/failed_upstream"])
        for name in names[1:]
    } == {"['w.s.m0000']"}
