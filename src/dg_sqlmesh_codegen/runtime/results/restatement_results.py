"""Turns the events of a restatement into Dagster results, and says what is restated."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from dg_sqlmesh_codegen.runtime import events
from dg_sqlmesh_codegen.runtime.events import Message, RestatedModel, RestatementPlanned
from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.selection import Selection
from dg_sqlmesh_codegen.runtime.text import display_name, shortened, time_range

from .run_results import RunResults, SQLMeshResult

# Returns the rows of the restated intervals that earlier runs have reported, as text.
FindRows = Callable[[ModelAsset, RestatedModel], str]


class RestatementResults(RunResults):
    """Collects the events of a restatement. `text` says, as Markdown, what is restated."""

    def __init__(
        self,
        models: Sequence[ModelAsset],
        run_id: str,
        environment: str | None,
        find_rows: FindRows,
    ) -> None:
        """Take every model of the package. Nothing is selected: all results are logged.

        Args:
            models: every model of the package.
            run_id: of the Dagster run.
            environment: the development environment; None for prod.
            find_rows: returns what earlier runs have reported.
        """
        nothing = Selection(frozenset(), frozenset(), run_id, environment=environment)
        super().__init__(models, nothing)
        self._find_rows = find_rows
        self.text = ""

    def handle(self, event: events.Event) -> Iterator[SQLMeshResult | Message]:
        """Take one event and yield the results that are now certain, and messages to log."""
        match event:
            case events.EnvironmentRead():
                self._state.promoted = {model.fqn: model for model in event.models}
                self._state.plan_command = event.plan_command
            case RestatementPlanned():
                self.text = self._described(event)
                yield Message(logging.INFO, self.text)
            case events.RunPlanned():
                self._state.plan(event.models)
            case _:
                yield from super().handle(event)

    def _described(self, planned: RestatementPlanned) -> str:
        rows = [self._row(model) for model in planned.models]
        what = "Preview: `preview: false` restates this" if planned.preview else "Restates this"
        lines = [f"{what}.", "", *_table(rows)]
        if planned.left_out:
            lines += ["", "Not restated:", ""]
            lines += [f"- {display_name(fqn)}: {why}" for fqn, why in planned.left_out.items()]
        if planned.cleared:
            where = shortened(planned.environments) or "in no environment"
            lines += [
                "",
                "The same intervals of other versions are cleared, so that no old data is promoted "
                f"later: versions {planned.cleared}, environments {where}.",
            ]
        return "\n".join(lines)

    def _row(self, model: RestatedModel) -> Sequence[str]:
        known = self.models.get(model.fqn)
        return (
            display_name(model.fqn),
            "; ".join(time_range(*each) for each in model.intervals),
            str(model.batches),
            self._find_rows(known, model) if known else "",
            model.note,
        )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    titles = ("model", "intervals", "batches", "rows so far", "note")
    for row in (titles, ["---"] * len(titles), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
