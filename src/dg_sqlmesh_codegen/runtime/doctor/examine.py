"""Examines an installation: the Dagster instance, the SQLMesh state and the promoted models.

Run `python -m dg_sqlmesh_codegen.runtime.doctor defs` in the environment of Dagster. It prints one
line for each finding, and exits with 1 if there is a problem.
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
from .instance import examine_instance


def doctor(
    models: Sequence[ModelAsset], resource: SQLMeshResource, instance: dg.DagsterInstance | None
) -> tuple[Finding, ...]:
    """Examine an installation without changing it.

    Args:
        models: every model of the generated package.
        resource: the package's `sqlmesh` resource.
        instance: the Dagster instance; None if there is none to examine.

    Returns:
        Good and bad findings. Each warning and problem says how to fix it.
    """
    try:
        target = resource.target()
    except dg.Failure as error:
        return (Finding(Severity.PROBLEM, str(error.description)),)
    server = _lock_server(target)
    return (*examine_instance(instance, server), *_examine_project(models, target))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the findings about a generated package; return 1 if there is a problem."""
    parser = argparse.ArgumentParser(
        prog="python -m dg_sqlmesh_codegen.runtime.doctor",
        description="Examine the installation of a generated package.",
    )
    parser.add_argument("package", help="folder of the package, or its import name")
    package = parser.parse_args(arguments).package
    try:
        models, resource = _load(package)
    except Exception as error:  # noqa: BLE001 - the package can raise anything; it is reported
        what = f"the package {package} cannot be imported: {type(error).__name__}: {error}"
        remedy = f"Generate it with `{drift.GENERATE}`, in the environment of Dagster."
        return _print_findings([Finding(Severity.PROBLEM, what, remedy)])
    with dg.build_resources({"sqlmesh": resource}) as resources:  # resolves environment variables
        if os.environ.get("DAGSTER_HOME"):
            with dg.DagsterInstance.get() as instance:
                findings = doctor(models, resources.sqlmesh, instance)
        else:
            findings = doctor(models, resources.sqlmesh, None)
    return _print_findings(findings)


def _print_findings(findings: Sequence[Finding]) -> int:
    sys.stdout.writelines(f"{finding}\n" for finding in findings)
    return int(any(finding.severity is Severity.PROBLEM for finding in findings))


def _load(package: str) -> tuple[Sequence[ModelAsset], SQLMeshResource]:
    folder = Path(package)
    if folder.is_dir():
        sys.path.insert(0, str(folder.resolve().parent))
        package = folder.resolve().name
    else:
        sys.path.insert(0, str(Path.cwd()))
    module = importlib.import_module(f"{package}.definitions")
    return module.MODELS, module.defs.resources["sqlmesh"]


def _lock_server(target: Target) -> str | None:
    # Imports SQLMesh: at execution time only.
    from dg_sqlmesh_codegen.runtime.sqlmesh import promoted  # noqa: PLC0415

    try:
        return promoted.lock_server(target)
    except (SetupError, StateBusyError, RunError):
        return None  # what is wrong with the state is a finding about the project


def _examine_project(models: Sequence[ModelAsset], target: Target) -> Iterator[Finding]:
    # Imports SQLMesh: at execution time only.
    from dg_sqlmesh_codegen.runtime.sqlmesh import promoted  # noqa: PLC0415

    try:
        found = promoted.promoted_models(target)
    except SetupError as error:
        yield Finding(Severity.PROBLEM, str(error))  # it contains the remedy
    except StateBusyError as error:
        yield Finding(
            Severity.WARNING,
            f"another process is using SQLMesh's state: {error}",
            "Run the doctor again when it has ended.",
        )
    except RunError as error:
        yield Finding(
            Severity.PROBLEM,
            f"SQLMesh's state cannot be read: {error}",
            "Check that its database is running and that Dagster's user can log in. "
            f"`sqlmesh {target.cli_arguments} info` tests the connection too.",
        )
    else:
        assets = [each for each in found if each.is_asset]
        yield Finding(
            Severity.OK,
            f"the environment {target.environment!r} can be read; promoted: {counted(assets)}",
        )
        yield from _examine_drift(models, found, target)


def _examine_drift(
    models: Sequence[ModelAsset], promoted: Sequence[PromotedModel], target: Target
) -> Iterator[Finding]:
    fqns = [model.fqn for model in models]
    found = drift.compare(models, fqns, {each.fqn: each for each in promoted})
    if found.not_promoted:
        problem = drift.not_promoted(found.not_promoted, target.plan_command)
        yield Finding(Severity.PROBLEM, *problem)
    for line in found.warnings():
        what, _, remedy = line.partition(". ")
        yield Finding(Severity.WARNING, what, remedy)
    if found == drift.Drift():
        yield Finding(Severity.OK, "the promoted models match the generated package")
