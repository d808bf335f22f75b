"""A restatement inside one op: what the launchpad asks for, as plain values, and its results."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from .dagster.earlier_rows import known_rows
from .events import RestatedModel
from .records import ModelAsset
from .results.restatement_results import RestatementResults
from .run_target import PROD, Evaluation, Restatement, Target
from .step import Step
from .worker import SQLMeshRun


class SQLMeshRestateConfig(dg.Config):
    """Launchpad options of a restatement."""

    models: list[str] = Field(
        default_factory=list,
        description="Models to evaluate again: names, asset keys (a/b/c), or SQLMesh's selectors "
        "(`tag:finance`, `marts.*`, `+marts.orders`). SQLMesh adds those downstream.",
    )
    start: str | None = Field(
        default=None, description="First time to evaluate again: 2026-01-05, or a timestamp."
    )
    end: str | None = Field(
        default=None, description="Last day to evaluate again, or the timestamp at which to end."
    )
    preview: bool = Field(
        default=True, description="Only log what would be evaluated again, and write nothing."
    )


def step(
    context: dg.OpExecutionContext,
    target: Target,
    models: Sequence[ModelAsset],
    config: SQLMeshRestateConfig,
) -> tuple[Step, RestatementResults]:
    """Return the step of a restatement, and its results.

    Raises:
        dagster.Failure: `models`, `start` or `end` is missing, or there is no such asset.
    """
    run_id = context.run.run_id
    environment = None if target.environment == PROD else target.environment

    def find_rows(asset: ModelAsset, model: RestatedModel) -> str:
        rows = known_rows(context.instance, asset.spec.key, model.intervals, environment)
        return "" if rows is None else str(rows)

    results = RestatementResults(models, run_id, environment, find_rows)
    evaluation = Evaluation(
        frozenset(),
        run_id,
        start=config.start,
        end=config.end,
        restatement=_restatement(models, config),
    )
    # Nothing is selected, so all results are written to the event log. A plain op plans no asset,
    # so the UI shows none as failed that was not touched.
    return Step(context, SQLMeshRun(target, evaluation), results), results


def _restatement(models: Sequence[ModelAsset], config: SQLMeshRestateConfig) -> Restatement:
    examples = {"models": "[marts.orders]", "start": '"2026-01-05"', "end": '"2026-01-11"'}
    missing = [name for name in examples if not getattr(config, name)]
    if missing:
        example = ", ".join(f"{name}: {examples[name]}" for name in missing)
        names = " and ".join(f"`{name}`" for name in missing)
        raise _refused(f"Set {names} in the launchpad, such as `{example}`.")
    keys = {model.spec.key.to_user_string(): model.fqn for model in models}
    for text in config.models:
        if "/" in text and text not in keys:
            near = difflib.get_close_matches(text, keys)
            hint = f"Did you mean {' or '.join(near)}?" if near else "Use the key of a model."
            raise _refused(f"`models` names no asset of the package: {text!r}. {hint}")
    return Restatement(
        tuple(keys.get(text, text) for text in config.models),
        start=config.start or "",
        end=config.end or "",
        package=frozenset(keys.values()),
        preview=config.preview,
    )


def _refused(text: str) -> dg.Failure:
    return dg.Failure(text, allow_retries=False)
