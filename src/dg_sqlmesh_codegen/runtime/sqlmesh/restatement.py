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
from functools import cached_property

from sqlmesh.utils.date import make_exclusive, now_timestamp, to_datetime, to_timestamp
from sqlmesh.utils.errors import CircuitBreakerError

from dg_sqlmesh_codegen.runtime.errors import RunStoppedError, SetupError
from dg_sqlmesh_codegen.runtime.events import (
    EnvironmentRead,
    RestatedModel,
    RestatementPlanned,
    RunEnded,
)
from dg_sqlmesh_codegen.runtime.results import drift
from dg_sqlmesh_codegen.runtime.run_target import Restatement
from dg_sqlmesh_codegen.runtime.text import display_name, shortened, time_range

from . import compat, compat_restate
from .compat import Ranges, Snapshot
from .compat_restate import merge_intervals
from .open_run import OpenRun
from .promoted import PromotedEnvironment
from .restated_ranges import bounded
from .snapshots import has_cron, is_asset

_SHARED = "prod shares its table"
_NO_INTERVAL = "it has no interval in this time"


@dataclass(frozen=True)
class RestatementRun:
    """A run that restates."""

    run: OpenRun
    restatement: Restatement

    def execute(self) -> None:
        """Say what is restated, and restate it unless only a preview is asked for.

        Raises:
            SetupError: the restatement is not possible as asked.
            RunStoppedError: a plan changed the environment meanwhile.
        """
        compat_restate.require()
        run, environment = self.run, self._promoted.environment
        if not environment.finalized_ts:
            raise SetupError(run.target.being_updated(environment.plan_id))
        self._require_past()
        selected = self._selected()
        for fqn in sorted(selected):
            self._require_whole(self._promoted.snapshots[fqn])
        run.emit(EnvironmentRead(self._promoted.models(run.context), run.target.plan_command))
        ranges, restated = compat_restate.restated(run, selected, self._times)
        missing = self._planned(selected, bounded(ranges, self._promoted), restated)
        if not self.restatement.preview:
            run.listen()
            run.emit(RunEnded(nothing_to_do=False, failed=not self._restate(missing, restated)))

    def _planned(
        self,
        selected: set[str],
        ranges: Mapping[str, Ranges],
        restated: Mapping[str, tuple[int, int]],
    ) -> dict[Snapshot, Ranges]:
        """Return what is evaluated again, and emit it with what is not."""
        snapshots = self._promoted.snapshots
        left_out = self._left_out(selected, ranges)
        missing = {snapshots[name]: them for name, them in ranges.items() if name not in left_out}
        batches = compat_restate.batches(self.run, missing)
        # Intervals that signals hold back keep their data.
        missing = {
            each: merge_intervals(batches[each.name]) for each in missing if batches[each.name]
        }
        if not missing:
            reasons = [f"{display_name(name)} ({why})" for name, why in left_out.items()]
            listed = f": {shortened(reasons)}" if reasons else ""
            raise SetupError(f"Nothing can be restated{listed}", "Choose other models or times.")
        others, environments = compat_restate.other_versions(self.run, restated)
        models = tuple(
            RestatedModel(each.name, tuple(them), len(batches[each.name]), _note(each))
            for each, them in missing.items()
        )
        named, preview = tuple(sorted(environments)), self.restatement.preview
        self.run.emit(RestatementPlanned(models, left_out, len(others), named, preview))
        return missing

    def _restate(
        self, missing: Mapping[Snapshot, Ranges], restated: Mapping[str, tuple[int, int]]
    ) -> bool:
        """Remove the intervals and evaluate them; return whether all models succeeded.

        Other versions are cleared before, in case this process is killed, and after, because they
        can have been evaluated meanwhile from the old data. The preview of a forward-only model has
        intervals of its own beside those of prod's version, which SQLMesh does not remove.
        """
        context, promoted = self.run.context, self._promoted
        self._clear_other_versions(restated)
        own = {
            each: x for each, x in missing.items() if not promoted.has_version_of_prod(each.name)
        }
        compat.remove_intervals(context, own)
        context.state_reader.refresh_snapshot_intervals(list(promoted.snapshots.values()))
        for snapshot, them in missing.items():
            for interval in them:  # a preview's are not removed from the state
                snapshot.remove_interval(interval)
        try:
            succeeded = compat_restate.evaluate(self.run, missing)
        except CircuitBreakerError as error:
            raise RunStoppedError(
                "a plan changed the environment during the restatement; the next run evaluates the "
                "intervals that are left"
            ) from error
        self._clear_other_versions(restated)
        return succeeded

    def _clear_other_versions(self, restated: Mapping[str, tuple[int, int]]) -> None:
        others, _ = compat_restate.other_versions(self.run, restated)
        compat.remove_intervals(self.run.context, others)

    def _selected(self) -> set[str]:
        """Return the models that the launchpad names, by fqn."""
        found: set[str] = set()
        snapshots = self._promoted.snapshots
        for text in self.restatement.models:
            named = {text} & snapshots.keys() or compat_restate.select(self.run, text)
            if not named:
                raise self._unknown(text)
            found |= {name for name in named if snapshots[name].is_model}
        return found

    def _unknown(self, text: str) -> SetupError:
        snapshots = self._promoted.snapshots
        names = {display_name(fqn): fqn for fqn in (*snapshots, *self.restatement.package)}
        missing = {
            fqn
            for name, fqn in names.items()
            if fqn not in snapshots and text in (fqn, name, name.partition(".")[2])
        }
        if missing:
            command = self.run.target.plan_command
            return SetupError(*drift.not_promoted(missing, command, snapshots))
        shown = display_name(text)
        short = [name.partition(".")[2] for name in names if shown.count(".") < name.count(".")]
        near = difflib.get_close_matches(shown, [*names, *short], cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else "Use its name or its asset key."
        return SetupError(f"`models` selects no model: {shown!r}", hint)

    def _require_past(self) -> None:
        start, end = self.restatement.start, self.restatement.end
        if self._times[0] >= self._times[1]:  # kinds that are rebuilt as a whole would be, even so
            problem = f"Nothing is between the start {start!r} and the end {end!r}"
            raise SetupError(problem, "Use a later end.")
        if self._times[1] > now_timestamp():
            raise SetupError(f"The end {end!r} is in the future", "Use an end that has passed.")

    def _require_whole(self, snapshot: Snapshot) -> None:
        """Refuse times before the start of a selected model, or inside one of its intervals."""
        unit = snapshot.node.interval_unit
        if unit is None or not has_cron(snapshot):
            return
        start, end = self._times
        name = display_name(snapshot.name)
        first = compat_restate.start_ms(snapshot, self._promoted)
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

    def _left_out(self, selected: set[str], ranges: Mapping[str, Ranges]) -> dict[str, str]:
        """Return why models among the selected ones and downstream are not restated, by fqn."""
        snapshots = self._promoted.snapshots
        reasons = {
            name: self._reason(snapshots[name], is_planned=name in ranges)
            for name in selected | self._promoted.downstream(selected)
            if snapshots[name].is_model and not snapshots[name].is_external
        }
        # SQLMesh looks for what is downstream only of models that it restates.
        if _SHARED in {reasons.get(fqn) for fqn in selected}:
            below = {name for name, why in reasons.items() if why == _NO_INTERVAL} - selected
            reasons |= dict.fromkeys(below, "name it in `models`: what it reads is prod's")
        return {name: why for name, why in sorted(reasons.items()) if why}

    def _reason(self, snapshot: Snapshot, *, is_planned: bool) -> str:
        if snapshot.is_seed:
            return "a seed changes only with a plan"
        if not is_asset(snapshot):
            return "it has no table"
        is_unpaused = not self._promoted.is_prod and not snapshot.is_paused
        if is_unpaused or snapshot.name in self._shared:
            return _SHARED
        if is_planned:
            return ""
        if snapshot.disable_restatement:
            return "`disable_restatement` is set, or its kind implies it"
        return _NO_INTERVAL

    @property
    def _promoted(self) -> PromotedEnvironment:
        return self.run.promoted

    @cached_property
    def _shared(self) -> frozenset[str]:
        return self._promoted.shared_with_prod()

    @cached_property
    def _times(self) -> tuple[int, int]:
        """The start, and the end with the whole of its day if it is a date."""
        return to_timestamp(self.restatement.start), to_timestamp(
            make_exclusive(self.restatement.end)
        )


def _note(snapshot: Snapshot) -> str:
    if snapshot.model.kind.is_view:
        return "a view is replaced"
    if snapshot.full_history_restatement_only:
        return f"{snapshot.model.kind.name.value} is rebuilt as a whole"
    return "it reads itself, so it is rebuilt until now" if snapshot.depends_on_self else ""
