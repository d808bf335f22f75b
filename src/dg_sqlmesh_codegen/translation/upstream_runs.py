"""Which models run when data lands upstream, though their cron is not due."""

from __future__ import annotations

from dg_sqlmesh_codegen.repeatable_kinds import REPEATABLE_KINDS
from dg_sqlmesh_codegen.sqlmesh_project.records import Model

from . import property_tags


def runs(model: Model, default: bool) -> bool:
    """Return whether a model runs when data lands upstream.

    Args:
        model: a model. A tag `dagster:run_on_upstream` wins over the default.
        default: `run_on_upstream` of the configuration.
    """
    tagged = property_tags.of(model).run_on_upstream
    return _can(model) and (default if tagged is None else tagged)


def warning(model: Model) -> str | None:
    """Return what is wrong with the tag of a model that never runs when data lands."""
    if not property_tags.of(model).run_on_upstream or _can(model):
        return None
    why = f"is {model.kind}" if model.kind not in REPEATABLE_KINDS else "reads itself"
    return f"{model}: the tag dagster:run_on_upstream is not used, because the model {why}"


def _can(model: Model) -> bool:
    return model.kind in REPEATABLE_KINDS and model.fqn not in model.depends_on
