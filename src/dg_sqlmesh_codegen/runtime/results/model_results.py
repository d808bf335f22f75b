"""Makes the results of single models from what SQLMesh has reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg

from dg_sqlmesh_codegen.runtime.due import Evaluated
from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.selection import Selection
from dg_sqlmesh_codegen.runtime.text import clipped, display_name, shortened

from . import checks, drift
from .failures import failed_upstream
from .progress import ModelErrors, Progress, RunState

TABLE_NAME = "dagster/table_name"
URI = "dagster/uri"
# The values of `sqlmesh/status` if signals hold back every interval of a model.
WAITING = "waiting for its signals"
DUE = "due"  # in a run of checks alone
WAITING_UPSTREAM = "waiting for signals upstream"
# Its values for models that a development environment leaves to prod.
IN_PROD = "runs in prod"
WAITING_FOR_PROD = "waiting for prod"
# The list of checks shows the description of a result in one line.
_MAX_LINE = 300
# Metadata key of the version of SQLMesh's snapshot.
SNAPSHOT_VERSION = "sqlmesh/snapshot_version"
# Metadata key of when the state says that the model was evaluated.
EVALUATED = "sqlmesh/evaluated"  # false: the model was not due
EVALUATED_AT = "sqlmesh/evaluated_at"
# Metadata key of the environment, if it is not prod.
ENVIRONMENT = "sqlmesh/environment"


@dataclass(slots=True)
class ModelResults:
    """Makes materializations and check results of the models of one run."""

    state: RunState
    selection: Selection
    _upstream: dict[str, frozenset[str]] = field(default_factory=dict)
    _waiting_upstream: dict[str, frozenset[str]] = field(default_factory=dict)

    def materialization(self, model: ModelAsset, progress: Progress) -> dg.MaterializeResult[None]:
        """Return the result of a model whose last batch has ended."""
        facts = _evaluation(model, progress)
        results = [*self.audit_checks(model)]
        if model.has_status_check:
            results.append(checks.status(model, True, "evaluated", {}))
        return dg.MaterializeResult(
            asset_key=model.spec.key,
            metadata={**facts, **environment_fact(self.selection.environment), **self._view(model)},
            # The version of the snapshot is that of the definition, the run is that of the data.
            data_version=dg.DataVersion(f"{progress.due.version}-{self.selection.run_id}"),
            check_results=list(self.selected(results)),
        )

    def not_due(self, model: ModelAsset, evaluated: Evaluated) -> dg.MaterializeResult[None]:
        """Return the materialization of a model that is not due: nothing was evaluated."""
        facts: checks.Facts = {
            EVALUATED: False,
            "sqlmesh/current_to": dg.TimestampMetadataValue(evaluated.intervals[-1][1] / 1000),
        }
        status = [self.up_to_date(model, "up to date")] if model.has_status_check else []
        return dg.MaterializeResult(
            asset_key=model.spec.key,
            metadata={**facts, **facts_of_state(evaluated), **self._view(model)},
            # The same each time: that of the evaluation, or of a report of it.
            data_version=data_version(evaluated),
            check_results=list(self.selected(status)),
        )

    def audit_checks(self, model: ModelAsset) -> Iterator[dg.AssetCheckResult]:
        """Yield a result for each audit that ran: SQLMesh runs all of a model's after a batch."""
        progress = self.state.progress.get(model.fqn)
        if progress is None:
            return
        errors = self.state.failed.get(model.fqn, ModelErrors())
        failed_audits = progress.failed_audits
        reported: set[dg.AssetCheckKey] = set()
        for use in progress.due.audits:  # a model can have the same use twice; it is one check
            check = checks.check_for(model, use, progress.due.audits)
            failed = failed_audits.get(use)
            # If a batch failed before its audits, no audit has passed on all of the data.
            certain = failed is not None or not errors.retryable
            if check and certain and check.spec.key not in reported:
                reported.add(check.spec.key)
                yield checks.audit_result(check, failed, blocking=use in errors.blocking_audits)

    def not_evaluated(self, model: ModelAsset) -> dg.AssetCheckResult:
        """Return the execution status of a model that was not evaluated."""
        state = self.state
        failed = state.failed.get(model.fqn)
        if failed:
            facts: checks.Facts = {"sqlmesh/error": failed.message}
            line = clipped(" ".join(failed.message.split()), _MAX_LINE)
            return checks.status(model, False, "failed", facts, line)
        if model.fqn in state.skipped:
            # SQLMesh has ended, so it is computed once.
            self._upstream = self._upstream or failed_upstream(state.promoted, state.failed)
            upstream = sorted(map(display_name, self._upstream.get(model.fqn, ())))
            facts = {"sqlmesh/failed_upstream": upstream}
            because = f"because {shortened(upstream)} failed" if upstream else ""
            return checks.status(model, False, "skipped", facts, because)
        if model.fqn in state.not_promoted:
            _, remedy = drift.not_promoted([model.fqn], state.plan_command, state.promoted)
            return checks.status(model, False, "not promoted", {"sqlmesh/error": remedy}, remedy)
        progress = state.progress.get(model.fqn)
        if progress and not progress.due.batches:
            return self._waiting(model, progress)
        return self.up_to_date(model, "not due")

    def up_to_date(self, model: ModelAsset, status: str) -> dg.AssetCheckResult:
        """Return a status of a model without missing intervals, with when it will be due.

        A model that is left to prod has a status of its own.
        """
        left = self.state.left_to_prod
        if model.fqn in left.shared:
            return checks.status(model, True, IN_PROD, {})
        if model.fqn in left.waiting:
            names = sorted(map(display_name, left.waiting[model.fqn]))
            waits: checks.Facts = {"sqlmesh/waiting_upstream": names}
            return checks.status(model, True, WAITING_FOR_PROD, waits, shortened(names))
        promoted = self.state.promoted.get(model.fqn)
        if promoted is None or promoted.next_due_ms is None:  # no run evaluates it: a seed
            return checks.status(model, True, status, {})
        seconds = promoted.next_due_ms / 1000
        facts: checks.Facts = {"sqlmesh/next_due": dg.TimestampMetadataValue(seconds)}
        when = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
        return checks.status(model, True, status, facts, f"next due at {when}")

    def selected(self, results: Iterable[dg.AssetCheckResult]) -> Iterator[dg.AssetCheckResult]:
        """Yield the results whose checks are selected, and all of assets that are not selected.

        SQLMesh evaluates such assets because a selected one is downstream of them.
        """
        for result in results:
            if (
                result.asset_key not in self.selection.assets
                or checks.key(result) in self.selection.checks
            ):
                yield result

    def _view(self, model: ModelAsset) -> checks.Facts:
        """Return the view of this environment, and its address. The package names prod's view.

        SQLMesh writes odd names in another way: `DB.SCH.Odd` for Snowflake's `db.sch."Odd"`.
        """
        promoted = self.state.promoted.get(model.fqn)
        if promoted is None:
            return {}
        named = not self.selection.environment and TABLE_NAME in model.spec.metadata
        facts = {TABLE_NAME: "" if named else promoted.view, URI: promoted.uri}
        return {name: text for name, text in facts.items() if text}

    def _waiting(self, model: ModelAsset, progress: Progress) -> dg.AssetCheckResult:
        """Return the status of a due model of which no interval is ready."""
        if progress.due.has_signals:
            return checks.status(model, True, WAITING, {})
        if not self._waiting_upstream:
            waiting = {
                fqn
                for fqn, each in self.state.progress.items()
                if each.due.has_signals and not each.due.batches
            }
            self._waiting_upstream = failed_upstream(self.state.promoted, waiting)
        names = sorted(map(display_name, self._waiting_upstream.get(model.fqn, ())))
        facts: checks.Facts = {"sqlmesh/waiting_upstream": names}
        return checks.status(model, True, WAITING_UPSTREAM, facts, shortened(names))


def _evaluation(model: ModelAsset, progress: Progress) -> checks.Facts:
    """Return the intervals, duration, rows and bytes of an evaluation."""
    due, batches = progress.due, progress.evaluated
    code_version = model.spec.code_version
    is_drifted = code_version and due.data_hash != code_version
    rows = _total(batch.rows for batch in batches)
    facts: dict[str, checks.Fact | None] = {
        SNAPSHOT_VERSION: due.version,
        "sqlmesh/intervals": iso_intervals((batch.start_ms, batch.end_ms) for batch in batches),
        "sqlmesh/batches": len(batches),
        "sqlmesh/duration_seconds": sum(batch.duration_ms or 0 for batch in batches) / 1000,
        "sqlmesh/rows_processed": rows,
        # Of a model that is replaced as a whole, the rows processed are those of the table.
        "dagster/row_count": rows if due.is_full and len(batches) == 1 else None,
        "sqlmesh/bytes_processed": _total(batch.bytes for batch in batches),
        "sqlmesh/code_version_promoted": due.data_hash or None if is_drifted else None,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def facts_of_state(evaluated: Evaluated) -> checks.Facts:
    """Return the version, the time and the environment of an evaluation before this run."""
    at = evaluated.at_ms
    time = {EVALUATED_AT: dg.TimestampMetadataValue(at / 1000)} if at else {}
    version = {SNAPSHOT_VERSION: evaluated.version}
    return {**version, **time, **environment_fact(evaluated.environment)}


def data_version(evaluated: Evaluated) -> dg.DataVersion:
    """Return the data version of an evaluation before this run: the reported one, if any."""
    return dg.DataVersion(evaluated.data_version or f"{evaluated.version}-{evaluated.at_ms or 0}")


def environment_fact(environment: str | None) -> checks.Facts:
    """Return a development environment as metadata: several can report to one instance."""
    return {ENVIRONMENT: environment} if environment else {}


def _total(reported: Iterable[int | None]) -> int | None:
    """Return the sum of what the engine reported, or None if it reported nothing."""
    numbers = [number for number in reported if number is not None]
    return sum(numbers) if numbers else None


def iso_intervals(intervals: Iterable[tuple[int, int]]) -> list[list[str]]:
    """Return intervals, in milliseconds, as ISO times. Adjacent intervals are merged."""
    merged: list[list[int]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return [[datetime.fromtimestamp(ms / 1000, UTC).isoformat() for ms in each] for each in merged]
