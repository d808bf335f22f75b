"""A SQLMesh project of any number of models, of a shape that real ones have.

Half of the models stage generated rows, a third joins two of those, the rest are marts that
aggregate. Every other one is incremental by day, the others are full; each has ten columns with
types and comments, two or three audits (one of them the project's own), an owner, tags, and a
macro in its query. DuckDB runs all of it, in a file beside the configuration.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from projects import write_project

ROWS_PER_DAY = 20
_CONFIG = """
gateways:
  local:
    connection: {{type: duckdb, database: warehouse.db}}
model_defaults: {{dialect: duckdb, start: {start}}}
"""
_MACRO = '''
from sqlmesh import macro


@macro()
def cents(evaluator, column):
    """Turn an amount in cents into one in euros."""
    return f"ROUND({column} / 100, 2)::DECIMAL(18, 2)"
'''
_AUDIT = """
AUDIT (name assert_positive, defaults (minimum = 0));
SELECT * FROM @this_model WHERE @column < @minimum;
"""
_MODEL = """
MODEL (
  name {name},
  kind {kind},
  cron '@daily',
  owner analytics,
  tags ({layer}, finance),
  grain (id, day),
  description '{layer} model number {number}: amounts by day',
  column_descriptions (
    id = 'Identifies the row within a day',
    day = 'The day that the amounts belong to',
    net = 'Amount without tax, in euros'
  ),
  audits (
    not_null(columns := (id, day)){more_audits},
    assert_positive(column := amount_cents, minimum := {minimum})
  )
);

SELECT
  {prefix}id::BIGINT AS id,
  {prefix}day::DATE AS day,
  {prefix}customer_id::INT AS customer_id,
  {prefix}product_id::INT AS product_id,
  {prefix}status::TEXT AS status,
  {prefix}quantity::INT AS quantity,
  ({prefix}amount_cents + {number})::BIGINT AS amount_cents,
  @cents({prefix}amount_cents) AS gross,
  @cents({prefix}amount_cents * 0.8) AS net,
  {prefix}updated_at::TIMESTAMP AS updated_at
FROM {source}
"""
_ROWS = "@generated_rows"
_GENERATED_ROWS = """(
  SELECT
    rows.id,
    days.day::DATE AS day,
    rows.id % 7 AS customer_id,
    rows.id % 5 AS product_id,
    CASE WHEN rows.id % 3 = 0 THEN 'open' ELSE 'paid' END AS status,
    rows.id % 4 + 1 AS quantity,
    rows.id * 125 AS amount_cents,
    days.day::TIMESTAMP AS updated_at
  FROM RANGE({rows}) AS rows(id)
  CROSS JOIN RANGE('{start}'::TIMESTAMP, '{end}'::TIMESTAMP, INTERVAL 1 DAY) AS days(day)
) AS s"""


def write_large_project(folder: Path, models: int) -> Path:
    """Write a project of that many models; its data starts three days ago."""
    start = datetime.now(UTC).date() - timedelta(days=3)
    rows = _GENERATED_ROWS.format(
        rows=ROWS_PER_DAY, start=start.isoformat(), end=(start + timedelta(days=9)).isoformat()
    )
    files = {"macros/amounts.py": _MACRO, "audits/assert_positive.sql": _AUDIT}
    names: list[str] = []
    for number in range(models):
        layer = _layer(number, models)
        names.append(f"{layer}.{layer}_{number:05}")
        files[f"models/{layer}/{names[-1].split('.')[1]}.sql"] = _model(
            number, layer, names
        ).replace(_ROWS, rows)
    return write_project(folder, files, config=_CONFIG.format(start=start.isoformat()))


def _layer(number: int, models: int) -> str:
    share = number / models
    return "staging" if share < 1 / 2 else "intermediate" if share < 5 / 6 else "marts"


def _model(number: int, layer: str, names: list[str]) -> str:
    incremental = number % 2 == 0
    return _MODEL.format(
        name=names[number],
        number=number,
        layer=layer,
        kind="INCREMENTAL_BY_TIME_RANGE (time_column day)" if incremental else "FULL",
        more_audits=(
            ",\n    unique_combination_of_columns(columns := (id, day))" if number % 3 == 0 else ""
        ),
        minimum=-number,
        prefix="s.",
        source=_source(number, layer, names)
        + ("\nWHERE s.day BETWEEN @start_ds AND @end_ds" if incremental else ""),
    )


def _source(number: int, layer: str, names: list[str]) -> str:
    if layer == "staging":
        return _ROWS
    # Two models of the layer below; which ones is arbitrary, and the same every time.
    below = [name for name in names[:number] if not name.startswith(layer)]
    first, second = (below[(number * 7 + other) % len(below)] for other in (0, 1))
    return f"{first} AS s\nLEFT JOIN {second} AS t ON t.id = s.id AND t.day = s.day"
