"""Compares the promoted models, which SQLMesh runs, with the generated package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dg_sqlmesh_codegen.runtime.events import PromotedModel
from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.text import counted, display_name, shortened, split_catalog

GENERATE = "python -m dg_sqlmesh_codegen"


@dataclass(frozen=True, slots=True)
class Drift:
    """The differences between an environment and a package, as sorted fqns.

    `not_promoted` are only in the package, `unknown` only in the environment, and `changed` in both
    with different versions.
    """

    not_promoted: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def warnings(self) -> list[str]:
        """Return one line for each kind of difference that does not fail a run."""
        lines = []
        if self.changed:
            lines.append(
                f"The promoted version differs from the generated package: "
                f"{_listed(self.changed)}. SQLMesh runs the promoted version. Run `sqlmesh plan` "
                f"and `{GENERATE}` on the same files, with the same version of SQLMesh."
            )
        if self.unknown:
            lines.append(not_in_package(self.unknown))
        return lines


def compare(
    models: Sequence[ModelAsset],
    selected: Iterable[str],
    promoted: Mapping[str, PromotedModel],
    *,
    partial: bool = False,
) -> Drift:
    """Compare a package with an environment, by names and data hashes.

    Args:
        models: every model of the package.
        selected: fqns of the models and names of the standalone audits to compare.
        promoted: everything in the environment, by fqn.
        partial: whether the package holds only a part of the project's models. Whether it should
            hold a new model is then not known without the project's files.
    """
    wanted = set(selected)
    known = {model.fqn for model in models}
    changed = [model.fqn for model in models if model.fqn in wanted and _changed(model, promoted)]
    known_there = known | {*in_other_catalogs(known, promoted).values()}
    unknown = [
        each.fqn for each in promoted.values() if each.is_asset and each.fqn not in known_there
    ]
    return Drift(
        not_promoted=tuple(sorted(wanted - set(promoted))),
        changed=tuple(sorted(changed)),
        unknown=() if partial else tuple(sorted(unknown)),
    )


def not_promoted(
    fqns: Iterable[str], plan_command: str, promoted: Iterable[str]
) -> tuple[str, str]:
    """Return the problem of models that the environment lacks, and its remedy."""
    elsewhere = in_other_catalogs(fqns, promoted)
    if elsewhere:
        return _other_catalog(elsewhere)
    names = shortened([display_name(fqn) for fqn in sorted(fqns)])
    return (
        f"Not promoted in the SQLMesh environment: {names}",
        f"Run `{plan_command}`, or generate the package again if the models were removed.",
    )


def not_in_package(fqns: Iterable[str], package: Iterable[str] = ()) -> str:
    """Return the problem of models that the package lacks, with its remedy."""
    elsewhere = in_other_catalogs(package, fqns)
    if elsewhere:
        return ". ".join(_other_catalog(elsewhere))
    return (
        f"Promoted, but not in the generated package: {_listed(sorted(fqns))}. "
        f"Generate it again with `{GENERATE}`."
    )


def in_other_catalogs(package: Iterable[str], promoted: Iterable[str]) -> dict[str, str]:
    """Map models of the package to promoted ones of that name, if their catalog has none there."""
    there = [split_catalog(fqn) for fqn in promoted]
    catalogs = {catalog for catalog, _ in there}
    by_name = {name: f"{catalog}.{name}" for catalog, name in there if catalog}
    split = {fqn: split_catalog(fqn) for fqn in package}
    return {
        fqn: by_name[name]
        for fqn, (catalog, name) in sorted(split.items())
        if catalog and catalog not in catalogs and name in by_name
    }


def _other_catalog(elsewhere: Mapping[str, str]) -> tuple[str, str]:
    ours, theirs = map(display_name, next(iter(elsewhere.items())))
    return (
        f"The catalogs differ: the generated package has {ours}, and the SQLMesh environment has "
        f"{theirs} ({counted(elsewhere)})",
        "Set `gateway`, or its environment variable, to that for which the package was generated, "
        f"or generate a package for this one with `{GENERATE} --gateway`.",
    )


def _changed(model: ModelAsset, promoted: Mapping[str, PromotedModel]) -> bool:
    found = promoted.get(model.fqn)
    return bool(found and model.spec.code_version and found.data_hash != model.spec.code_version)


def _listed(fqns: Sequence[str]) -> str:
    return f"{counted(fqns)} ({shortened([display_name(fqn) for fqn in fqns])})"
