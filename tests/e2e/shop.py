"""The example as tests use it: a copy in a folder, and what is due two days after its plan."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType

import dagster as dg

from dg_sqlmesh_codegen.runtime import SQLMeshResource
from e2e.outcome import Outcome

# The plan's "now". What a test runs lies after it, so the date of the test does not matter.
PLANNED_AT = "2026-11-04"
TWO_DAYS_LATER = "2026-11-06"
# Everything but the weekly model is due two days after the plan; the seeds never are again.
DUE = {
    "live.open_orders",
    "live.reserved_stock",
    "marts.customers",
    "marts.daily_revenue",
    "marts.mailing_list",
    "marts.monthly_revenue",
    "marts.product_sales",
    "staging.customers",
    "staging.order_items",
    "staging.orders",
}
NOT_DUE = {"marts.customer_segments", "raw.countries", "raw.products"}
BELOW_ORDER_ITEMS = {
    "live.reserved_stock",
    "marts.customers",
    "marts.daily_revenue",
    "marts.monthly_revenue",
    "marts.product_sales",
}


def run_at(time: str, **options: bool | str) -> dict[str, object]:
    """Return the run config of a run whose now is `time`."""
    config = {"execution_time": time, "end": time, **options}
    return {"ops": {"sqlmesh_models": {"config": config}}}


def materialize(
    shop: Shop,
    at: str = TWO_DAYS_LATER,
    *,
    resource: SQLMeshResource | None = None,
    selection: str | dg.AssetSelection | None = None,
    instance: dg.DagsterInstance | None = None,
    **options: bool | str,
) -> Outcome:
    """Run the models in this process as of a time, and return what happened and what was logged."""
    module = shop.definitions()
    there = nullcontext(instance) if instance else dg.DagsterInstance.ephemeral()
    with there as used:
        result = dg.materialize(
            [module.sqlmesh_models],
            resources={"sqlmesh": resource or module.defs.resources["sqlmesh"]},
            run_config=run_at(at, **options),
            selection=selection,
            raise_on_error=False,
            instance=used,
        )
        return Outcome.of(used, result.run_id)


def tick(
    shop: Shop, at: datetime, instance: dg.DagsterInstance | None = None
) -> dg.RunRequest | dg.SkipReason:
    """Evaluate the generated schedule as of a time."""
    module = shop.definitions()
    with (
        nullcontext(instance) if instance else dg.instance_for_test() as used,
        dg.build_schedule_context(
            instance=used, scheduled_execution_time=at, resources=module.defs.resources
        ) as context,
    ):
        result = module.sqlmesh_adaptive_schedule(context)
    assert isinstance(result, dg.RunRequest | dg.SkipReason)
    return result


@dataclass(frozen=True)
class Shop:
    """A copy of the example: `project`, its generated `package` and the planned `database`."""

    folder: Path

    @property
    def project(self) -> Path:
        return self.folder / "shop"

    @property
    def database(self) -> Path:
        return self.folder / "shop.duckdb"

    @property
    def package(self) -> Path:
        return next(self.folder.glob("defs*"))

    def load_sources(self, *arguments: str) -> None:
        """Write the source tables again: `--break` damages them."""
        run([sys.executable, "load_sources.py", str(self.database), *arguments], self.project)

    def definitions(self) -> ModuleType:
        """Import the generated package's definitions."""
        return importlib.import_module(f"{self.package.name}.definitions")


def run(
    command: Sequence[str | Path], folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program that has to succeed, with further variables, and return what it printed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done
