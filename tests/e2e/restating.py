"""A project to restate: a year of orders, three kinds of models below, and one that stays alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from dg_sqlmesh_codegen.cli.app import main
from e2e import workshop
from e2e.outcome import Outcome
from e2e.shop import Shop

WEEK = ("2026-03-02", "2026-03-08")

SOURCES = """
CREATE SCHEMA src;
CREATE TABLE src.orders AS
  SELECT day::DATE AS ordered_on, c AS customer, 10 * c AS amount
  FROM generate_series(DATE '2025-11-01', DATE '2026-11-30', INTERVAL 1 DAY) AS d(day),
    generate_series(1, 3) AS g(c);
"""
CHANGED = """
UPDATE src.orders SET amount = amount + 1
WHERE ordered_on BETWEEN '2026-03-02' AND '2026-03-08'
"""
FILES = {
    "external_models.yaml": """
- name: src.orders
  columns: {ordered_on: date, customer: int, amount: int}
""",
    "models/orders.sql": """
MODEL (
  name staging.orders, start '2025-11-01',
  kind INCREMENTAL_BY_TIME_RANGE (time_column ordered_on, batch_size 60),
  audits (not_null(columns := (customer))),
);
SELECT ordered_on, customer, amount FROM src.orders
WHERE ordered_on BETWEEN @start_date AND @end_date
""",
    "models/revenue.sql": """
MODEL (name marts.revenue, kind INCREMENTAL_BY_TIME_RANGE (time_column ordered_on),
  start '2025-11-01');
SELECT ordered_on, SUM(amount)::INT AS revenue FROM staging.orders
WHERE ordered_on BETWEEN @start_date AND @end_date GROUP BY ordered_on
""",
    "models/totals.sql": """
MODEL (name marts.totals, kind FULL, start '2025-11-01');
SELECT customer, SUM(amount)::INT AS total FROM staging.orders GROUP BY customer
""",
    "models/recent.sql": """
MODEL (name marts.recent, kind VIEW, start '2025-11-01');
SELECT ordered_on, SUM(amount)::INT AS revenue FROM staging.orders GROUP BY ordered_on
""",
    "models/last_orders.sql": """
MODEL (name marts.last_orders, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key customer),
  start '2025-11-01');
SELECT customer, MAX(ordered_on)::DATE AS ordered_on, SUM(amount)::INT AS amount
FROM staging.orders WHERE ordered_on BETWEEN @start_date AND @end_date GROUP BY customer
""",
    "models/frozen.sql": """
MODEL (name marts.frozen, start '2025-11-01', kind INCREMENTAL_BY_TIME_RANGE (
  time_column ordered_on, disable_restatement true));
SELECT ordered_on, COUNT(*)::INT AS orders FROM staging.orders
WHERE ordered_on BETWEEN @start_date AND @end_date GROUP BY ordered_on
""",
    "models/alone.sql": """
MODEL (name staging.alone, start '2026-10-01',
  kind INCREMENTAL_BY_TIME_RANGE (time_column ordered_on));
SELECT ordered_on, amount FROM src.orders WHERE ordered_on BETWEEN @start_date AND @end_date
""",
}
RESTATED = {
    "staging.orders",
    "marts.revenue",
    "marts.totals",
    "marts.recent",
    "marts.last_orders",
}


def make(folder: Path, changed: Mapping[str, str] | None = None) -> Shop:
    """Make the project with its package, which has the job that restates."""
    shop = workshop.make(folder, {**FILES, **(changed or {})}, sql=SOURCES)
    assert main([str(shop.project), "-o", str(shop.package), "--set", "restate=true", "-q"]) == 0
    return shop


def restate(
    shop: Shop,
    instance: dg.DagsterInstance,
    *models: str,
    resource: object = None,
    **options: object,
) -> Outcome:
    """Run the job in this process."""
    times = dict(zip(("start", "end"), WEEK, strict=True))
    config = {"models": list(models), **times, **options}
    module = shop.definitions()
    used = {"sqlmesh": resource or module.defs.resources["sqlmesh"]}
    definitions = dg.Definitions(jobs=[module.sqlmesh_restate_job], resources=used)
    result = definitions.resolve_job_def("sqlmesh_restate_job").execute_in_process(
        instance=instance,
        run_config={"ops": {"sqlmesh_restate": {"config": config}}},
        raise_on_error=False,
    )
    return Outcome.of(instance, result.run_id)


def preview_of(outcome: Outcome, instance: dg.DagsterInstance) -> str:
    """Return the Markdown of the op's output."""
    for entry in instance.all_logs(outcome.run_id, of_type=dg.DagsterEventType.STEP_OUTPUT):
        assert entry.dagster_event
        return str(entry.dagster_event.step_output_data.metadata["sqlmesh/restatement"].value)
    return ""


def state(shop: Shop) -> dict[str, str]:
    """Return all tables of SQLMesh's state but the intervals, as text."""
    tables = workshop.query(
        shop, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'sqlmesh'"
    )
    names = sorted(str(name) for (name,) in tables if str(name) != "_intervals")
    return {
        name: json.dumps(sorted(map(str, workshop.query(shop, f"FROM sqlmesh.{name}"))))
        for name in names
    }
