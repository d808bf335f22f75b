"""Examines an installation: the Dagster instance, the SQLMesh state and the promoted models.

Run `python -m dg_sqlmesh_codegen.runtime.doctor defs` in the environment of Dagster. It prints one
line for each finding, and exits with 1 if there is a problem.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import ModuleType

import dagster as dg

from .concurrency.exclusivity import POOL, TAG, pool_is_exclusive, queue_is_exclusive
from .contract import PackageVersionError
from .dagster import compat_limits
from .errors import RunError, SetupError, StateBusyError
from .events import PromotedModel
from .findings import Finding, Severity, ok, problem, warning
from .records import ModelAsset
from .resource import SQLMeshResource
from .results import drift
from .text import counted

# A running daemon sends a heartbeat every 30 seconds.
_HEARTBEAT_TIMEOUT_SECONDS = 300.0
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
    parts = (partial(_examine_limits, resource, pool), partial(_examine_slots, pool))
    for examine in (*parts, _examine_daemon, _examine_run_monitoring):
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


def exclusivity_of(limits: compat_limits.Limits, server: str | None = None) -> Finding:
    """Return whether the limits of an instance prevent two SQLMesh runs at once.

    `server` is the database server whose lock does, if there is one.
    """
    is_locked = limits.launches_here or server is not None
    pool = limits.pool_name
    remedy = (
        "In dagster.yaml: `concurrency: {pools: {granularity: op, default_limit: 1}}`; or, for "
        f"this pool alone: `dagster instance concurrency set {pool} 1`."
    )
    if pool_is_exclusive(limits):
        return ok(f"the pool {pool} is limited to 1 op")
    if queue_is_exclusive(limits, {}):
        return ok("the queue starts one run of the models at a time")
    if queue_is_exclusive(limits, {TAG: pool}):
        return Finding(
            Severity.OK if is_locked else Severity.WARNING,
            "the queue limits runs of the job by their tag, but not runs that are launched from "
            "the asset graph: they do not have the tag",
            f"Limit the pool instead. {remedy}",
        )
    if is_locked:
        return warning(
            f"the pool {pool} is not limited: a second run starts and waits for the first one",
            f"Limit the pool, so that the run waits in the queue. {remedy}",
        )
    return problem(
        f"nothing prevents two SQLMesh runs at once: the pool {pool} is not limited to 1", remedy
    )


def _examine_slots(pool: str, instance: dg.DagsterInstance) -> Iterator[Finding]:
    for run_id in sorted(compat_limits.slot_holders(instance, pool)):
        run = instance.get_run_by_id(run_id)
        status = run.status.value.lower() if run else "deleted"
        yield Finding(
            Severity.PROBLEM if run is None or run.is_finished else Severity.WARNING,
            f"run {run_id} ({status}) holds a slot of the pool {pool}, and other runs wait for it",
            "If its process is gone, mark the run as canceled in the UI, and free its slot there "
            "(Deployment, Concurrency).",
        )


def _examine_daemon(instance: dg.DagsterInstance) -> Iterator[Finding]:
    heartbeat = compat_limits.last_heartbeat(instance)
    if heartbeat is not None and time.time() - heartbeat < _HEARTBEAT_TIMEOUT_SECONDS:
        yield ok("dagster-daemon is running")
    else:
        yield warning(
            "dagster-daemon sent no heartbeat in the last 5 minutes: schedules, the queue and run "
            "monitoring need it",
            "Start `dagster-daemon run` (`dg dev` includes it).",
        )


def _examine_run_monitoring(instance: dg.DagsterInstance) -> Iterator[Finding]:
    enabled, frees_slots = compat_limits.run_monitoring(instance)
    if not enabled:
        yield warning(
            "run monitoring is off: a run whose process is killed stays active, and the schedule "
            "waits for it",
            "In dagster.yaml: "
            "`run_monitoring: {enabled: true, free_slots_after_run_end_seconds: 60}`.",
        )
    elif not frees_slots:
        yield warning(
            "a killed run keeps its slot of the pool, and blocks all later runs",
            "In dagster.yaml, in `run_monitoring`: `free_slots_after_run_end_seconds: 60`.",
        )
    else:
        yield ok("run monitoring ends runs whose process is gone")


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
            "Check that its database is running and that Dagster's user can log in. "
            f"`sqlmesh {target.cli_arguments} info` tests the connection too.",
        )
    else:
        assets = counted([each for each in found if each.is_asset])
        read = f"the environment {target.environment!r} can be read; promoted: {assets}"
        yield ok(read)
        yield from (
            warning(each, "Upgrade SQLMesh to that version.") for each in of_sqlmesh.left_out()
        )
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
