"""A SQLMesh project to start from, with its DuckDB file in its own folder.

A config.yaml cannot say that: SQLMesh takes a relative path of it from the working directory, and
Dagster's may be another one than that of `sqlmesh plan`.
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
