"""Evaluates intervals again that the state has: SQLMesh's restatement, without applying a plan.

A plan also writes the record of the environment, its statements and its views. Here SQLMesh plans
what to restate, and then only intervals are written: they are removed, and evaluated as in a run.
Whatever ends the run before leaves intervals missing, and the next run evaluates these. Only those
of the preview of a forward-only change stay: SQLMesh cannot remove them. (A plan of SQLMesh removes
none of the environment, so if it is killed, nothing tells which have the old data.)
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial

from sqlmesh import Context
from sqlmesh.utils.date import make_exclusive, now_timestamp, to_datetime, to_timestamp
from sqlmesh.utils.errors import CircuitBreakerError

from dg_sqlmesh_codegen.runtime.concurrency.cancel import Stop
from dg_sqlmesh_codegen.runtime.errors import RunStoppedError, SetupError
from dg_sqlmesh_codegen.runtime.events import (
    Emit,
    EnvironmentRead,
    RestatedModel,
    RestatementPlanned,
    RunEnded,
)
from dg_sqlmesh_codegen.runtime.redaction import Redaction
from dg_sqlmesh_codegen.runtime.results import drift
from dg_sqlmesh_codegen.runtime.run_target import PROD, Restatement, Target
from dg_sqlmesh_codegen.runtime.text import display_name, shortened, time_range

from . import compat, compat_restate, promoted
from .compat import Environment, Snapshot, snapshots_to_dag
from .compat_restate import Ranges
from .console import RunConsole
from .restated_ranges import bounded, merged

_SHARED = "prod shares its table"
_NO_INTERVAL = "it has no interval in this time"


@dataclass(frozen=True)
class RestatementRun:
    """A restatement in an environment, with all of its snapshots by fqn."""

    context: Context
    environment: Environment
    snapshots: Mapping[str, Snapshot]
    target: Target
    restatement: Restatement

    def execute(self, emit: Emit, stop: Stop, redaction: Redaction) -> None:
        """Say what is restated, and restate it unless only a preview is asked for.

        Raises:
            SetupError: the restatement is not possible as asked.
            RunStoppedError: a plan changed the environment meanwhile.
        """
        compat_restate.require()
        if not self.environment.finalized_ts:
            raise SetupError(self.target.being_updated(self.environment.plan_id))
        self._require_past()
        selected = self._selected()
        for fqn in sorted(selected):
            self._require_whole(self.snapshots[fqn])
        models = [
            promoted.promoted_model(self.context, each, self.environment)
            for each in self.snapshots.values()
        ]
        emit(EnvironmentRead(tuple(models), self.target.plan_command))
        ranges, restated = compat_restate.restated(
            self.context, self.environment, selected, self._times
        )
        ranges = bounded(ranges, self.snapshots, self._intervals)
        left_out = self._left_out(selected, ranges)
        missing = {self.snapshots[x]: them for x, them in ranges.items() if x not in left_out}
        batches = compat_restate.batches(self.context, self.environment, self.snapshots, missing)
        # Intervals that signals hold back keep their data.
        missing = {each: merged(batches[each.name]) for each in missing if batches[each.name]}
        if not missing:
            reasons = [f"{display_name(name)} ({why})" for name, why in sorted(left_out.items())]
            listed = f": {shortened(reasons)}" if reasons else ""
            raise SetupError(f"Nothing can be restated{listed}", "Choose other models or times.")
        others, environments = self._other_versions(restated)
        emit(
            RestatementPlanned(
                tuple(self._model(each, them, batches) for each, them in missing.items()),
                left_out,
                cleared=len(others),
                environments=tuple(sorted(environments)),
                preview=self.restatement.preview,
            )
        )
        if self.restatement.preview:
            return
        self.context.console = RunConsole(
            redaction.emitter(emit), stop, partial(compat.open_handles, self.context)
        )
        emit(RunEnded(nothing_to_do=False, failed=not self._restate(missing, restated)))

    def _restate(
        self, missing: Mapping[Snapshot, Ranges], restated: Mapping[str, tuple[int, int]]
    ) -> bool:
        """Remove the intervals and evaluate them; return whether all models succeeded.

        Other versions are cleared before, in case this process is killed, and after, because they
        can have been evaluated meanwhile from the old data.
        """
        self._clear_other_versions(restated)
        own = {each: them for each, them in missing.items() if self._is_own(each)}
        compat_restate.remove_intervals(self.context, own)
        self.context.state_reader.refresh_snapshot_intervals(list(self.snapshots.values()))
        for snapshot, them in missing.items():
            for interval in them:  # a preview's are not removed from the state
                snapshot.remove_interval(interval)
        try:
            succeeded = compat_restate.evaluate(
                self.context, self.environment, self.snapshots, missing, self._has_changed
            )
        except CircuitBreakerError as error:
            raise RunStoppedError(
                "a plan changed the environment during the restatement; the next run evaluates the "
                "intervals that are left"
            ) from error
        self._clear_other_versions(restated)
        return succeeded

    def _clear_other_versions(self, restated: Mapping[str, tuple[int, int]]) -> None:
        others, _ = self._other_versions(restated)
        compat_restate.remove_intervals(self.context, others)

    def _other_versions(
        self, restated: Mapping[str, tuple[int, int]]
    ) -> tuple[Mapping[object, Ranges], set[str]]:
        if not self._is_prod:
            return {}, set()
        return compat_restate.other_versions(self.context, restated, self.snapshots)

    def _has_changed(self) -> bool:
        current = promoted.find_environment(self.context, self.target)
        return current is None or current.plan_id != self.environment.plan_id

    def _selected(self) -> set[str]:
        """Return the models that the launchpad names, by fqn."""
        found: set[str] = set()
        for text in self.restatement.models:
            named = {text} & self.snapshots.keys()
            named = named or compat_restate.select(self.context, text, self.snapshots)
            if not named:
                raise self._unknown(text)
            found |= {name for name in named if self.snapshots[name].is_model}
        return found

    def _unknown(self, text: str) -> SetupError:
        names = {display_name(fqn): fqn for fqn in (*self.snapshots, *self.restatement.package)}
        missing = {
            fqn
            for name, fqn in names.items()
            if fqn not in self.snapshots and text in (fqn, name, name.partition(".")[2])
        }
        if missing:
            command = self.target.plan_command
            return SetupError(*drift.not_promoted(missing, command, self.snapshots))
        shown = display_name(text)
        short = [name.partition(".")[2] for name in names if shown.count(".") < name.count(".")]
        near = difflib.get_close_matches(shown, [*names, *short], cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else "Use its name or its asset key."
        return SetupError(f"`models` selects no model: {shown!r}", hint)

    def _require_past(self) -> None:
        start, end = self._times
        if start >= end:
            raise SetupError(
                f"Nothing is between the start {self.restatement.start!r} and the end "
                f"{self.restatement.end!r}",
                "Use a later end.",
            )
        if end > now_timestamp():
            raise SetupError(
                f"The end {self.restatement.end!r} is in the future", "Use an end that has passed."
            )

    def _require_whole(self, snapshot: Snapshot) -> None:
        """Refuse times before the start of a selected model, or inside one of its intervals."""
        unit = snapshot.node.interval_unit
        if unit is None or not promoted.has_cron(snapshot):
            return
        start, end = self._times
        name = display_name(snapshot.name)
        first = compat_restate.start_ms(snapshot, self.snapshots)
        if start < first:
            at = to_datetime(first).isoformat(timespec="seconds")
            raise SetupError(
                f"The start {self.restatement.start!r} is before that of {name}",
                f"It starts at {at}.",
            )
        whole = to_timestamp(unit.cron_floor(start)), to_timestamp(unit.cron_floor(end))
        if whole != (start, end):
            length = str(unit.value).replace("_", " ")
            raise SetupError(
                f"From {self.restatement.start!r} to {self.restatement.end!r} are no whole "
                f"intervals of {name}, whose interval is a {length}",
                (
                    f"Start and end where intervals do, such as [{time_range(*whole)}]."
                    if whole[0] < whole[1]
                    else "Start and end where intervals do."
                ),
            )

    def _intervals(self, snapshot: Snapshot) -> Ranges:
        """Return what is evaluated of the table that readers of this environment query."""
        is_preview = not self._index.is_representative(snapshot)
        return list(snapshot.dev_intervals if is_preview else snapshot.intervals)

    def _left_out(self, selected: set[str], ranges: Mapping[str, Ranges]) -> dict[str, str]:
        """Return why models among the selected ones and downstream are not restated, by fqn."""
        dag = snapshots_to_dag(self.snapshots.values())
        wanted = set(selected)
        for fqn in selected:
            wanted |= {each.name for each in dag.downstream(self.snapshots[fqn].snapshot_id)}
        reasons = {
            name: self._reason(self.snapshots[name], is_planned=name in ranges)
            for name in wanted
            if self.snapshots[name].is_model and not self.snapshots[name].is_external
        }
        # SQLMesh looks for what is downstream only of models that it restates.
        if _SHARED in {reasons.get(fqn) for fqn in selected}:
            below = {name for name, why in reasons.items() if why == _NO_INTERVAL} - selected
            reasons |= dict.fromkeys(below, "name it in `models`: what it reads is prod's")
        return {name: why for name, why in sorted(reasons.items()) if why}

    def _reason(self, snapshot: Snapshot, *, is_planned: bool) -> str:
        if snapshot.is_seed:
            return "a seed changes only with a plan"
        if not promoted.is_asset(snapshot):
            return "it has no table"
        if not self._is_prod and (not snapshot.is_paused or self._is_shared(snapshot)):
            return _SHARED
        if is_planned:
            return ""
        if snapshot.disable_restatement:
            return "`disable_restatement` is set, or its kind implies it"
        return _NO_INTERVAL

    def _is_shared(self, snapshot: Snapshot) -> bool:
        """Return whether a model of a development environment has the table of prod."""
        return snapshot.name_version in self._of_prod and self._index.is_representative(snapshot)

    def _is_own(self, snapshot: Snapshot) -> bool:
        """Return whether the state's intervals of the version are those of the environment.

        The preview of a forward-only model has intervals of its own, which SQLMesh does not remove.
        """
        return self._is_prod or snapshot.name_version not in self._of_prod

    def _model(
        self, snapshot: Snapshot, ranges: Ranges, batches: Mapping[str, Ranges]
    ) -> RestatedModel:
        count = len(batches[snapshot.name])
        return RestatedModel(snapshot.name, tuple(ranges), count, _note(snapshot))

    @property
    def _is_prod(self) -> bool:
        return self.environment.name == PROD

    @cached_property
    def _index(self) -> compat.DeployabilityIndex:
        return compat.deployability(self.snapshots.values(), self.environment.name)

    @cached_property
    def _of_prod(self) -> frozenset[object]:
        """The versions that prod has."""
        prod = self.context.state_reader.get_environment(PROD)
        return frozenset(each.name_version for each in prod.snapshots) if prod else frozenset()

    @cached_property
    def _times(self) -> tuple[int, int]:
        """The start, and the end with the whole of its day if it is a date."""
        start, end = self.restatement.start, self.restatement.end
        return to_timestamp(start), to_timestamp(make_exclusive(end))


def _note(snapshot: Snapshot) -> str:
    if snapshot.model.kind.is_view:
        return "a view is replaced"
    if snapshot.full_history_restatement_only:
        return f"{snapshot.model.kind.name.value} is rebuilt as a whole"
    return "it reads itself, so it is rebuilt until now" if snapshot.depends_on_self else ""
