"""How old the data of a model may be before Dagster shows it as late."""

from __future__ import annotations

from dg_sqlmesh_codegen.config.types import minutes
from dg_sqlmesh_codegen.schedules.crons import longest_gap
from dg_sqlmesh_codegen.sqlmesh_project.records import Model

from . import property_tags


def window(model: Model, grace: str | None) -> str | None:
    """Return the longest time between two materializations, such as `25h`; None is no limit.

    Args:
        model: a model. Of one that no run evaluates again, only a tag sets a limit: seeds, and
            models with an `end`.
        grace: what a run may take, added to the longest gap of the cron; None limits only models
            with a tag.
    """
    tagged = property_tags.of(model).freshness
    if tagged:
        return None if tagged == property_tags.NO_FRESHNESS else tagged
    if grace is None or model.is_seed or model.end is not None:
        return None
    total = longest_gap(model.cron, model.cron_tz or "UTC") + minutes(grace)
    return f"{total}m" if total % 60 else f"{total // 60}h"
