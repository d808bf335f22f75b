"""What is promoted beside what was generated: SQLMesh runs the first, Dagster shows the second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dg_sqlmesh_codegen.runtime.events import PromotedModel
from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.text import counted, plain, shortened

GENERATE = "python -m dg_sqlmesh_codegen"


@dataclass(frozen=True, slots=True)
class Drift:
    """How an environment and a package differ, as fqns in alphabetical order.

    `unpromoted`: in the package only. `changed`: in both, in different versions. `unknown`: in the
    environment only.
    """

    unpromoted: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def warnings(self) -> list[str]:
        """Return a line for each kind of difference that a run goes on with."""
        lines = []
        if self.changed:
            lines.append(
                f"Promoted in another version than the generated package has: "
                f"{_named(self.changed)}. SQLMesh runs the promoted one. Plan and generate from "
                f"the same files: `sqlmesh plan`, `{GENERATE}`."
            )
        if self.unknown:
            lines.append(unknown_to_package(self.unknown))
        return lines


def compare(
    models: Sequence[ModelAsset], selected: Iterable[str], promoted: Mapping[str, PromotedModel]
) -> Drift:
    """Compare a package with what is promoted, by name and by data hash.

    Args:
        models: every model of the package.
        selected: what a run is to evaluate: fqns of models, names of standalone audits. The others
            may differ.
        promoted: everything in the environment, by fqn.
    """
    wanted = set(selected)
    names = {model.fqn for model in models}
    changed = [model.fqn for model in models if model.fqn in wanted and _changed(model, promoted)]
    unknown = [each.fqn for each in promoted.values() if each.is_asset and each.fqn not in names]
    return Drift(
        unpromoted=tuple(sorted(wanted - set(promoted))),
        changed=tuple(sorted(changed)),
        unknown=tuple(sorted(unknown)),
    )


def unpromoted(fqns: Iterable[str]) -> str:
    """Say that these are in the package, and not in the environment; `promoting` mends it."""
    names = shortened([plain(fqn) for fqn in sorted(fqns)])
    return f"Not promoted in the SQLMesh environment: {names}"


def promoting(plan_command: str) -> str:
    """Say how models come into the environment, or out of the package."""
    return f"Run `{plan_command}`, or generate the package again if the models were removed."


def unknown_to_package(fqns: Iterable[str]) -> str:
    """Say that these are promoted, that the package lacks them, and how to mend it."""
    return (
        f"Promoted, but not in the generated package: {_named(sorted(fqns))}. "
        f"Generate it again with `{GENERATE}`."
    )


def _changed(model: ModelAsset, promoted: Mapping[str, PromotedModel]) -> bool:
    there = promoted.get(model.fqn)
    return bool(there and model.spec.code_version and there.data_hash != model.spec.code_version)


def _named(fqns: Sequence[str]) -> str:
    return f"{counted(fqns)} ({shortened([plain(fqn) for fqn in fqns])})"
