"""A SQLMesh project to start from, with its DuckDB file in its own folder.

In a config.yaml the path of the file would be relative to the working directory, which differs
between `sqlmesh plan` and Dagster.
"""

from pathlib import Path

from sqlmesh.core.config import (
    Config,
    DuckDBConnectionConfig,
    GatewayConfig,
    ModelDefaultsConfig,
)

DATABASE = Path(__file__).parent / "warehouse.duckdb"

config = Config(
    gateways={"local": GatewayConfig(connection=DuckDBConnectionConfig(database=str(DATABASE)))},
    default_gateway="local",
    model_defaults=ModelDefaultsConfig(dialect="duckdb", start="2026-01-01"),
)
