"""Examine an installation: the Dagster instance, the SQLMesh state, and what is promoted in it.

`python -m dg_sqlmesh_codegen.runtime.doctor defs`, in the environment that Dagster runs in, prints
a line for each finding and exits with 1 if one of them is a problem.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg

from dg_sqlmesh_codegen.runtime.errors import RunError, SetupError, StateBusyError
from dg_sqlmesh_codegen.runtime.events import PromotedModel
from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.resource import SQLMeshResource
from dg_sqlmesh_codegen.runtime.results import drift
from dg_sqlmesh_codegen.runtime.run_target import Target
from dg_sqlmesh_codegen.runtime.text import counted

from .findings import Finding, Severity
from .instance import of_instance


def doctor(
    models: Sequence[ModelAsset], resource: SQLMeshResource, instance: dg.DagsterInstance | None
) -> tuple[Finding, ...]:
    """Examine an installation, and change nothing in it.

    Args:
        models: every model of the generated package.
        resource: the package's `sqlmesh` resource.
        instance: the Dagster instance; None where there is none to look at.

    Returns:
        What was found, good or bad, each with a remedy where one is needed.
    """
    try:
        target = resource.target()
    except dg.Failure as error:
        return (Finding(Severity.PROBLEM, str(error.description)),)
    return (*of_instance(instance), *_of_project(models, target))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what `doctor` finds about a generated package; return 1 if there is a problem."""
    parser = argparse.ArgumentParser(
        prog="python -m dg_sqlmesh_codegen.runtime.doctor",
        description="Examine the installation of a generated package.",
    )
    parser.add_argument("package", help="the package's folder, or the name it is imported by")
    package = parser.parse_args(arguments).package
    try:
        models, resource = _load(package)
    except Exception as error:  # noqa: BLE001 - whatever the package raises: the finding says it
        return _printed([_not_importable(package, error)])
    with dg.build_resources({"sqlmesh": resource}) as resources:  # environment variables are read
        if os.environ.get("DAGSTER_HOME"):
            with dg.DagsterInstance.get() as instance:
                findings = doctor(models, resources.sqlmesh, instance)
        else:
            findings = doctor(models, resources.sqlmesh, None)
    return _printed(findings)


def _printed(findings: Sequence[Finding]) -> int:
    sys.stdout.writelines(f"{finding}\n" for finding in findings)
    return int(any(finding.severity is Severity.PROBLEM for finding in findings))


def _not_importable(package: str, error: Exception) -> Finding:
    return Finding(
        Severity.PROBLEM,
        f"the package {package} cannot be imported: {type(error).__name__}: {error}",
        f"Generate it with `{drift.GENERATE}`, in the environment that Dagster runs in.",
    )


def _load(package: str) -> tuple[Sequence[ModelAsset], SQLMeshResource]:
    folder = Path(package)
    if folder.is_dir():
        sys.path.insert(0, str(folder.resolve().parent))
        package = folder.resolve().name
    else:
        sys.path.insert(0, str(Path.cwd()))
    module = importlib.import_module(f"{package}.definitions")
    return module.MODELS, module.defs.resources["sqlmesh"]


def _of_project(models: Sequence[ModelAsset], target: Target) -> Iterator[Finding]:
    # It imports SQLMesh, which no import of the package may do.
    from dg_sqlmesh_codegen.runtime.sqlmesh import run  # noqa: PLC0415

    try:
        promoted = run.promoted_models(target)
    except SetupError as error:
        yield Finding(Severity.PROBLEM, str(error))  # its remedy is in it
    except StateBusyError as error:
        yield Finding(
            Severity.WARNING,
            f"another process is using SQLMesh's state: {error}",
            "Ask again when it has ended.",
        )
    except RunError as error:
        yield Finding(
            Severity.PROBLEM,
            f"SQLMesh's state cannot be read: {error}",
            "See that its database is up, and that whoever runs Dagster may log in: "
            f"`sqlmesh {target.arguments} info` tries it, too.",
        )
    else:
        where = f"the environment {target.environment!r}"
        assets = [each for each in promoted if each.is_asset]
        yield Finding(Severity.OK, f"{where} can be read; promoted: {counted(assets)}")
        yield from _of_drift(models, promoted, target)


def _of_drift(
    models: Sequence[ModelAsset], promoted: Sequence[PromotedModel], target: Target
) -> Iterator[Finding]:
    fqns = [model.fqn for model in models]
    found = drift.compare(models, fqns, {each.fqn: each for each in promoted})
    if found.unpromoted:
        told = drift.unpromoted(found.unpromoted)
        yield Finding(Severity.PROBLEM, told, drift.promoting(target.plan_command))
    for line in found.warnings():
        what, _, remedy = line.partition(". ")
        yield Finding(Severity.WARNING, what, remedy)
    if found == drift.Drift():
        yield Finding(Severity.OK, "what is promoted is what was generated")


if __name__ == "__main__":
    raise SystemExit(main())
