"""The SQLMesh project of these tests: a small warehouse on PostgreSQL, with its state there, too.

Every model asks `raw.gate` before it does its work. A test that closes a gate holds the model at
that very place, for as long as it likes: no test has to guess when a query is under way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from e2e.server.postgres import PORT, USER, Postgres
from e2e.waiting import wait_until
from projects import write_project

WAREHOUSE = "depot"
STATE = "depot_state"

# How much of the past the models hold, in days before today: planned, and due since.
STARTED = 5
PLANNED = 3
CUSTOMERS = 5

MODELS = {
    "staging.orders",
    "staging.customers",
    "marts.daily_revenue",
    "marts.last_orders",
    "marts.customer_tiers",
}

_CONFIG = """
gateways:
  warehouse:
    connection: &server
      type: postgres
      host: "{{{{ env_var('DEPOT_HOST') }}}}"
      port: {port}
      user: {user}
      password: "{{{{ env_var('DEPOT_PASSWORD') }}}}"
      database: {warehouse}
      concurrent_tasks: {tasks}
    state_connection:
      <<: *server
      database: {state}
default_gateway: warehouse
model_defaults: {{dialect: postgres, start: {start}, cron: '@daily'}}
"""

_EXTERNAL = """
- name: raw.orders
  columns: {id: int, customer_id: int, ordered_on: date, amount: int}
- name: raw.customers
  columns: {customer_id: int, name: text}
- name: enriched.scores
  columns: {customer_id: int, score: int}
"""

_ORDERS = """
MODEL (
  name staging.orders,
  kind INCREMENTAL_BY_TIME_RANGE (time_column ordered_on, batch_size 1),
  grain id,
  audits (not_null(columns := (id, customer_id)), unique_values(columns := (id))),
);
SELECT id, customer_id, ordered_on, amount FROM raw.orders
WHERE ordered_on BETWEEN @start_date AND @end_date
  AND (SELECT raw.gate('staging.orders', @start_ds))
"""

_CUSTOMERS = """
MODEL (name staging.customers, kind FULL, audits (not_null(columns := (name))));
SELECT customer_id, name FROM raw.customers WHERE (SELECT raw.gate('staging.customers', ''))
"""

_DAILY_REVENUE = """
MODEL (
  name marts.daily_revenue,
  kind INCREMENTAL_BY_TIME_RANGE (time_column ordered_on, batch_size 1),
  audits (forall(criteria := (revenue > 0))),
);
SELECT ordered_on, SUM(amount)::INT AS revenue FROM staging.orders
WHERE ordered_on BETWEEN @start_date AND @end_date
  AND (SELECT raw.gate('marts.daily_revenue', @start_ds))
GROUP BY ordered_on
"""

_LAST_ORDERS = """
MODEL (name marts.last_orders, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key customer_id));
SELECT customer_id, MAX(ordered_on)::DATE AS ordered_on FROM staging.orders
WHERE ordered_on BETWEEN @start_date AND @end_date
  AND (SELECT raw.gate('marts.last_orders', ''))
GROUP BY customer_id
"""

_CUSTOMER_TIERS = """
MODEL (name marts.customer_tiers, kind FULL);
SELECT c.customer_id, c.name, s.score
FROM staging.customers AS c JOIN enriched.scores AS s ON c.customer_id = s.customer_id
WHERE (SELECT raw.gate('marts.customer_tiers', ''))
"""

FILES = {
    "external_models.yaml": _EXTERNAL,
    "models/staging/orders.sql": _ORDERS,
    "models/staging/customers.sql": _CUSTOMERS,
    "models/marts/daily_revenue.sql": _DAILY_REVENUE,
    "models/marts/last_orders.sql": _LAST_ORDERS,
    "models/marts/customer_tiers.sql": _CUSTOMER_TIERS,
}

_SOURCES = """
CREATE SCHEMA raw;
CREATE SCHEMA enriched;
CREATE TABLE raw.customers AS
  SELECT c AS customer_id, 'customer ' || c AS name FROM generate_series(1, {customers}) AS c;
CREATE TABLE enriched.scores AS SELECT customer_id, 0 AS score FROM raw.customers;
CREATE TABLE raw.orders AS
  SELECT (day::date - date '2020-01-01') * 100 + c AS id, c AS customer_id,
    day::date AS ordered_on, c * 10 AS amount
  FROM generate_series(date '{first}', date '{last}', interval '1 day') AS day,
    generate_series(1, {customers}) AS c;
CREATE FUNCTION raw.gate(model text, day text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  key bigint;
BEGIN
  FOREACH key IN ARRAY ARRAY[{all_days}, {one_day}] LOOP
    PERFORM pg_advisory_lock_shared(key);
    PERFORM pg_advisory_unlock_shared(key);
  END LOOP;
  RETURN TRUE;
END $$;
"""

# What the models are to hold, computed from the sources.
_EXPECTED = {
    "staging.orders": "SELECT id, customer_id, ordered_on, amount FROM raw.orders WHERE {days}",
    "staging.customers": "SELECT customer_id, name FROM raw.customers",
    "marts.daily_revenue": "SELECT ordered_on, SUM(amount)::INT FROM raw.orders WHERE {days} "
    "GROUP BY ordered_on",
    "marts.last_orders": "SELECT customer_id, MAX(ordered_on) FROM raw.orders WHERE {days} "
    "GROUP BY customer_id",
    "marts.customer_tiers": "SELECT customer_id, name, score FROM raw.customers "
    "JOIN enriched.scores USING (customer_id)",
}
_INCREMENTAL = {"staging.orders", "marts.daily_revenue", "marts.last_orders"}


def day(ago: int) -> date:
    """Return a day of the past in UTC (0 is today) or, where negative, of the future."""
    return datetime.now(UTC).date() - timedelta(days=ago)


def config_of(warehouse: str, state: str, start: date, tasks: int = 1) -> str:
    """Return a config.yaml of two databases, on the server that DEPOT_HOST names."""
    return _CONFIG.format(
        port=PORT, user=USER, warehouse=warehouse, state=state, start=start, tasks=tasks
    )


def intervals_of(project: Path) -> dict[str, list[tuple[date, date]]]:
    """Return the intervals of prod in a project's state, by model: days from and until before."""
    from sqlmesh import Context  # noqa: PLC0415 - seconds that collecting need not take

    context = Context(paths=[str(project)], load=False)
    try:
        environment = context.state_reader.get_environment("prod")
        assert environment is not None
        snapshots = context.state_reader.get_snapshots(environment.snapshots).values()
        return {
            ".".join(snapshot.name.replace('"', "").split(".")[1:]): [
                (_date(start), _date(end)) for start, end in snapshot.intervals
            ]
            for snapshot in snapshots
            if not snapshot.is_external
        }
    finally:
        context.close()


@dataclass(frozen=True)
class Depot:
    """The project's folder and the server that holds its warehouse and its state."""

    project: Path
    postgres: Postgres
    started: date = field(default_factory=lambda: day(STARTED))

    def write(self) -> None:
        """Write the project."""
        write_project(self.project, FILES, config=config_of(WAREHOUSE, STATE, self.started))

    def create(self) -> None:
        """Make both databases anew, with nothing but sources in the warehouse."""
        for name in (WAREHOUSE, STATE):
            self.postgres.copy("template1", name)
        lock = "('x' || left(md5({}), 15))::bit(60)::bigint"
        statement = _SOURCES.format(
            customers=CUSTOMERS,
            first=day(STARTED + 1),
            last=day(-60),
            all_days=lock.format("model"),
            one_day=lock.format("model || ' ' || day"),
        )
        self.postgres.execute(statement, WAREHOUSE)

    def keep(self) -> None:
        """Keep both databases as they are, for `restore`."""
        for name in (WAREHOUSE, STATE):
            self.postgres.copy(name, f"{name}_kept")

    def restore(self) -> None:
        """Bring both databases back to what was kept."""
        for name in (WAREHOUSE, STATE):
            self.postgres.copy(f"{name}_kept", name)

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Query the warehouse."""
        return self.postgres.query(statement, WAREHOUSE)

    def execute(self, statement: str) -> None:
        """Change the warehouse's sources."""
        self.postgres.execute(statement, WAREHOUSE)

    @contextmanager
    def closed(self, *gates: str) -> Iterator[None]:
        """Hold models at their gates: all of `staging.orders`, or `staging.orders 2026-11-20`."""
        with self.postgres.connection(WAREHOUSE) as connection, connection.cursor() as cursor:
            for gate in gates:
                cursor.execute("SELECT pg_advisory_lock(%s)", (_lock_key(gate),))
            yield

    def wait_for_gate(self, gate: str) -> None:
        """Wait until a query waits at a closed gate."""
        key = _lock_key(gate)
        statement = (
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
            f"AND classid::bigint = {key >> 32} AND objid::bigint = {key & 0xFFFFFFFF}"
        )
        wait_until(lambda: self.query(statement), f"{gate} at its gate")

    def busy(self) -> list[str]:
        """Return the queries that run in the warehouse, and transactions that were left open."""
        rows = self.query(
            "SELECT query FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid() "
            f"AND datname = '{WAREHOUSE}' AND query NOT LIKE 'SELECT pg_advisory_lock(%' "
            "AND application_name NOT LIKE 'dagster %'"  # the lock of the state
        )
        return [str(row[0]) for row in rows]

    def wrong_rows(self, through: date) -> dict[str, int]:
        """Count, by model, the rows that are missing or too many, of all days before `through`."""
        days = f"ordered_on >= '{self.started}' AND ordered_on < '{through}'"
        wrong = {}
        for model, query in _EXPECTED.items():
            expected, actual = query.format(days=days), f"SELECT * FROM {model}"
            wrong[model] = self.postgres.count_differences(WAREHOUSE, expected, actual)
        return {model: count for model, count in wrong.items() if count}

    def intervals(self) -> dict[str, list[tuple[date, date]]]:
        """Return the intervals of prod that SQLMesh's state holds, by model."""
        return intervals_of(self.project)

    def missing(self, through: date) -> set[str]:
        """Return the models whose intervals, as SQLMesh's state has them, do not reach a day."""
        whole = [(self.started, through)]
        return {model for model, held in self.intervals().items() if held != whole}

    def require_complete(self, through: date) -> None:
        """Require that all intervals before a day are done, and every row is there once."""
        assert self.missing(through) == set()
        assert self.wrong_rows(through) == {}


def _date(milliseconds: int) -> date:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date()


def _lock_key(gate: str) -> int:
    digest = hashlib.md5(gate.encode(), usedforsecurity=False).hexdigest()
    return int(digest[:15], 16)
