"""What a Dagster run did, in a form that tests can compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import dagster as dg
from dagster._core.execution.plan.objects import StepFailureData

STATUS = "sqlmesh_execution_status"


@dataclass
class Outcome:
    """Materialized assets in order, check results by (asset, check), and the failure, if any.

    Not among the materialized assets: those that the run only reported, by what evaluated them.
    """

    run_id: str = ""
    materialized: list[str] = field(default_factory=list)
    reported: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, dict[str, object]] = field(default_factory=dict)
    data_versions: dict[str, str] = field(default_factory=dict)
    passed: set[tuple[str, str]] = field(default_factory=set)
    failed: dict[tuple[str, str], dg.AssetCheckSeverity] = field(default_factory=dict)
    check_metadata: dict[tuple[str, str], dict[str, object]] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    step_failures: list[StepFailureData] = field(default_factory=list)
    steps_started: int = 0
    retries: int = 0
    messages: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, instance: dg.DagsterInstance, run_id: str) -> Self:
        """Collect what an instance has recorded of a run so far."""
        outcome = cls(run_id)
        for entry in instance.all_logs(run_id):
            outcome.messages.append(entry.user_message)
            if entry.dagster_event:
                outcome._take(entry.dagster_event)
        return outcome

    @property
    def failure(self) -> str:
        """What Dagster shows of the last step that failed; empty if none did."""
        if not self.step_failures:
            return ""
        data = self.step_failures[-1]
        if data.user_failure_data and data.user_failure_data.description:
            return data.user_failure_data.description
        return data.error.message if data.error else ""

    def _take(self, event: dg.DagsterEvent) -> None:
        if event.event_type is dg.DagsterEventType.STEP_START:
            self.steps_started += 1
        elif event.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY:
            self.retries += 1
        elif event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            self._take_materialization(event.step_materialization_data.materialization)
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            self._take_check(event.asset_check_evaluation_data)
        elif event.event_type is dg.DagsterEventType.STEP_FAILURE:
            self.step_failures.append(event.step_failure_data)

    def _take_materialization(self, materialization: dg.AssetMaterialization) -> None:
        name = ".".join(materialization.asset_key.path[1:])
        metadata: dict[str, object] = {k: v.value for k, v in materialization.metadata.items()}
        if "sqlmesh/evaluated_by" in metadata:
            self.reported[name] = str(metadata["sqlmesh/evaluated_by"])
            return
        self.materialized.append(name)
        self.metadata[name] = metadata
        self.data_versions[name] = (materialization.tags or {}).get("dagster/data_version", "")

    def _take_check(self, evaluation: dg.AssetCheckEvaluation) -> None:
        asset = ".".join(evaluation.asset_key.path[1:])
        check = (asset, evaluation.check_name)
        metadata: dict[str, object] = {k: v.value for k, v in evaluation.metadata.items()}
        self.check_metadata[check] = metadata
        if evaluation.check_name == STATUS:
            self.status[asset] = str(metadata["sqlmesh/status"])
        elif evaluation.passed:
            self.passed.add(check)
        else:
            self.failed[check] = evaluation.severity


def last_outcome() -> tuple[dg.DagsterRun, Outcome]:
    """Return the newest run of the instance in DAGSTER_HOME, and what it recorded."""
    with dg.DagsterInstance.get() as instance:
        run = instance.get_runs(limit=1)[0]
        return run, Outcome.of(instance, run.run_id)
