"""Failed and skipped models -> the failure that ends a step, and whom skipped ones blame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from dg_sqlmesh_codegen.runtime.events import PromotedModel
from dg_sqlmesh_codegen.runtime.text import clipped, counted, plain, shortened

from .progress import Errors

# The key of a failure's metadata that names the failed models.
FAILED = "sqlmesh/failed"
# Dagster shows the description on one page.
_MOST_ERRORS = 10
_NOBODY: frozenset[str] = frozenset()


class Blame:
    """Finds the failed models upstream of a model, each model being looked at once."""

    def __init__(self, promoted: Mapping[str, PromotedModel], failed: Iterable[str]) -> None:
        """Take the graph as it is promoted, and which models have failed."""
        self._promoted = promoted
        self._failed = frozenset(failed)
        self._found: dict[str, frozenset[str]] = {}

    def upstream_of(self, fqn: str) -> frozenset[str]:
        """Return the nearest failed models on each way up from the model."""
        waiting = [fqn]
        while waiting:
            current = waiting[-1]
            parents = self._parents(current)
            open_ones = [
                parent
                for parent in parents
                if parent not in self._failed and parent not in self._found
            ]
            if open_ones:
                waiting.extend(open_ones)
                continue
            self._found[current] = self._union(parents)
            waiting.pop()
        return self._found[fqn]

    def _parents(self, fqn: str) -> Sequence[str]:
        promoted = self._promoted.get(fqn)
        return [parent for parent in promoted.parents if parent != fqn] if promoted else ()

    def _union(self, parents: Sequence[str]) -> frozenset[str]:
        sets = {
            frozenset([parent]) if parent in self._failed else self._found[parent]
            for parent in parents
        }
        # One set for all that stand on it: a chain of a thousand models holds it once.
        return next(iter(sets)) if len(sets) == 1 else _NOBODY.union(*sets)


def of_models(
    failed: Mapping[str, Errors], skipped: Iterable[str], run_error: Exception | None
) -> dg.Failure:
    """Return the failure of a step in which models failed.

    Args:
        failed: the errors of each model that failed, by fqn.
        skipped: the models that were skipped because of them.
        run_error: what ended SQLMesh's run as a whole, if something did.
    """
    errors = [f"{plain(fqn)}: {error.message}" for fqn, error in sorted(failed.items())]
    left_out = sorted(plain(fqn) for fqn in skipped)
    listed = shortened([clipped(error) for error in errors], "; ", _MOST_ERRORS)
    description = f"SQLMesh could not evaluate {counted(errors)}: {listed}"
    if left_out:
        description += f". Skipped downstream: {shortened(left_out)}"
    if run_error:
        description += f". SQLMesh's run ended with: {clipped(str(run_error))}"
    return dg.Failure(
        description=description,
        metadata={FAILED: sorted(map(plain, failed)), "sqlmesh/skipped": left_out},
        allow_retries=run_error is not None or any(error.retryable for error in failed.values()),
    )


def of_run(error: Exception) -> dg.Failure:
    """Return the failure of a step in which SQLMesh's run failed as a whole."""
    return dg.Failure(f"SQLMesh's run failed: {clipped(str(error))}")
