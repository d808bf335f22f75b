"""Examines an installation: the Dagster instance, the SQLMesh state and the promoted models.

Run `python -m dg_sqlmesh_codegen.runtime.doctor defs` in the environment of Dagster. It prints one
line for each finding, and exits with 1 if there is a problem.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import ModuleType

import dagster as dg

from .concurrency.exclusivity import POOL, TAG
from .contract import PackageVersionError
from .dagster import compat, compat_limits
from .errors import RunError, SetupError, StateBusyError
from .events import PromotedModel
from .findings import (
    Finding,
    Severity,
    daemon,
    exclusivity_of,
    ok,
    problem,
    run_monitoring,
    slots,
    warning,
)
from .records import ModelAsset
from .resource import SQLMeshResource
from .results import drift
from .text import counted

_Resource = Callable[[], AbstractContextManager[SQLMeshResource]]
_NO_INSTANCE = warning(
    "DAGSTER_HOME is not set, so no Dagster instance was examined",
    "Set it to the folder of your dagster.yaml.",
)


def doctor(
    models: Sequence[ModelAsset],
    resource: SQLMeshResource,
    instance: dg.DagsterInstance | None,
    pool: str = POOL,
) -> tuple[Finding, ...]:
    """Examine an installation without changing it.

    Args:
        models: every model of the generated package.
        resource: the package's resource.
        instance: the Dagster instance; None if there is none to examine.
        pool: the pool of the package's op.

    Returns:
        Good and bad findings. Each warning and problem says how to fix it.
    """
    of_instance: Iterable[Finding] = [_NO_INSTANCE]
    if instance:
        of_instance = _examine_instance(instance, lambda: nullcontext(resource), pool)
    return (*of_instance, *_findings_of(lambda: _examine_project(models, resource)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the findings about a generated package; return 1 if there is a problem."""
    parser = argparse.ArgumentParser(
        prog="python -m dg_sqlmesh_codegen.runtime.doctor",
        description="Examine the installation of a generated package.",
    )
    parser.add_argument("package", help="folder of the package, or its import name")
    findings = _examine_package(parser.parse_args(arguments).package)
    sys.stdout.writelines(f"{finding}\n" for finding in findings)
    return int(any(finding.severity is Severity.PROBLEM for finding in findings))


def _examine_package(package: str) -> Sequence[Finding]:
    try:
        module = _imported(package)
    except PackageVersionError as error:
        return [problem(str(error))]  # it contains the remedy
    except Exception as error:  # noqa: BLE001 - the package can raise anything; it is reported
        what = f"the package {package} cannot be imported: {type(error).__name__}: {error}"
        remedy = f"Generate it with `{drift.GENERATE}`, in the environment of Dagster."
        return [problem(what, remedy)]
    resource = partial(_resource, module)
    return [
        *_findings_of(lambda: _examine_home(resource, _pool(module))),
        *_findings_of(partial(_examine_resource, module.MODELS, resource)),
    ]


def _imported(package: str) -> ModuleType:
    folder = Path(package).resolve()
    if folder.is_dir():
        package = folder.name
    sys.path.insert(0, str(folder.parent))
    return importlib.import_module(f"{package}.definitions")


def _pool(module: ModuleType) -> str:
    """Return the pool of a package's op."""
    made = [each for each in module.defs.assets or () if isinstance(each, dg.AssetsDefinition)]
    return next((pool for each in made if (pool := compat_limits.pool(each.op))), POOL)


@contextmanager
def _resource(module: ModuleType) -> Iterator[SQLMeshResource]:
    """Give the resource of a package, with its environment variables resolved."""
    made = (each for each in module.defs.resources.values() if isinstance(each, SQLMeshResource))
    with dg.build_resources({"sqlmesh": next(made)}) as resources:
        yield resources.sqlmesh


def _examine_home(resource: _Resource, pool: str) -> Iterator[Finding]:
    if not os.environ.get("DAGSTER_HOME"):
        yield _NO_INSTANCE
        return
    with dg.DagsterInstance.get() as instance:
        yield from _examine_instance(instance, resource, pool)


def _examine_instance(
    instance: dg.DagsterInstance, resource: _Resource, pool: str
) -> Iterator[Finding]:
    parts = (partial(_examine_limits, resource, pool), partial(slots, pool))
    for examine in (*parts, daemon, run_monitoring):
        yield from _findings_of(partial(examine, instance))


def _examine_resource(models: Sequence[ModelAsset], resource: _Resource) -> Iterator[Finding]:
    with resource() as made:
        yield from _examine_project(models, made)


def _findings_of(part: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return what one part of the examination finds. Its error does not end the other parts."""
    found: list[Finding] = []
    try:
        found.extend(part())
    except dg.Failure as error:
        found.append(problem(str(error.description)))
    except Exception as error:  # noqa: BLE001 - of any storage; it is reported
        what = f"a part of the installation cannot be examined: {type(error).__name__}: {error}"
        remedy = "Check DAGSTER_HOME, its dagster.yaml and the SQLMeshResource."
        found.append(problem(what, remedy))
    return found


def _lock_server(resource: _Resource) -> tuple[str | None, bool]:
    """Return the server whose lock excludes a second run, and whether that is known."""
    try:
        with resource() as made:
            target = made.target()
            # Imports SQLMesh: at execution time only.
            from .sqlmesh import promoted  # noqa: PLC0415

            return promoted.lock_server(target), True
    except (dg.Failure, dg.DagsterError, SetupError, StateBusyError, RunError):
        return None, False  # the reason is a finding about the project


def _examine_limits(
    resource: _Resource, pool: str, instance: dg.DagsterInstance
) -> Iterator[Finding]:
    server, is_known = _lock_server(resource)
    limits = compat_limits.limits(instance, pool, TAG)
    place = "on this host" if limits.launches_here else "on other hosts"
    yield ok(f"{limits.launcher} launches runs {place}")
    if server:
        yield ok(f"{server} locks SQLMesh's state for one run at a time")
    finding = exclusivity_of(limits, server)
    if finding.severity is Severity.PROBLEM and not is_known:
        finding = warning(
            "it is not known whether two SQLMesh runs can start at once, because SQLMesh's state "
            "cannot be read",
            "See the finding about the project.",
        )
    yield finding


def _examine_project(models: Sequence[ModelAsset], resource: SQLMeshResource) -> Iterator[Finding]:
    target = resource.target()
    try:
        # Imports SQLMesh: at execution time only.
        from .sqlmesh import compat as of_sqlmesh  # noqa: PLC0415
        from .sqlmesh import promoted  # noqa: PLC0415

        found = promoted.promoted_models(target)
    except SetupError as error:
        yield problem(str(error))  # it contains the remedy
    except StateBusyError as error:
        what = f"another process is using SQLMesh's state: {error}"
        yield warning(what, "Run the doctor again when it has ended.")
    except RunError as error:
        yield problem(
            f"SQLMesh's state cannot be read: {error}",
            f"`sqlmesh {target.cli_arguments} info` shows the whole error.",
        )
    else:
        assets = counted([each for each in found if each.is_asset])
        read = f"the environment {target.environment!r} can be read; promoted: {assets}"
        yield ok(read)
        yield from (
            warning(each, "Upgrade SQLMesh to that version.") for each in of_sqlmesh.left_out()
        )
        if any(model.freshness for model in models) and not compat.has_freshness():
            what = "the package has freshness policies, and this version of Dagster shows none"
            yield warning(what, "Upgrade Dagster to 1.12 or later.")
        yield from _examine_drift(models, {each.fqn: each for each in found}, resource)


def _examine_drift(
    models: Sequence[ModelAsset],
    promoted: Mapping[str, PromotedModel],
    resource: SQLMeshResource,
) -> Iterator[Finding]:
    fqns = [model.fqn for model in models]
    found = drift.compare(models, fqns, promoted, partial=resource.partial)
    if found.not_promoted:
        plan = resource.target().plan_command
        yield problem(*drift.not_promoted(found.not_promoted, plan, promoted))
    for line in found.warnings():
        what, _, remedy = line.partition(". ")
        yield warning(what, remedy)
    if found == drift.Drift():
        part = ", which holds a part of the project" if resource.partial else ""
        yield ok(f"the promoted models match the generated package{part}")


if __name__ == "__main__":
    raise SystemExit(main())
