"""A minimal SQLMesh project that plans and runs as it is: `dg scaffold defs ... --init true`."""

from __future__ import annotations

from pathlib import Path

from dg_sqlmesh_codegen.errors import UsageError

# A config.py and not a config.yaml: SQLMesh takes a relative DuckDB path from the working
# directory, and Dagster's is another one than that of whoever plans.
_CONFIG = """\
from pathlib import Path

from sqlmesh.core.config import (
    Config,
    DuckDBConnectionConfig,
    GatewayConfig,
    ModelDefaultsConfig,
)

DATABASE = Path(__file__).parent / "warehouse.duckdb"

config = Config(
    gateways={
        "local": GatewayConfig(connection=DuckDBConnectionConfig(database=str(DATABASE)))
    },
    default_gateway="local",
    model_defaults=ModelDefaultsConfig(dialect="duckdb", start="2026-01-01"),
)
"""
_SEED = """\
MODEL (
  name starter.cities,
  kind SEED (path '../seeds/cities.csv'),
  description 'Cities and their countries',
  columns (city_id INT, city TEXT, country TEXT),
  grain city_id
);
"""
_CITIES = """\
city_id,city,country
1,Lisbon,Portugal
2,Porto,Portugal
3,Vienna,Austria
"""
_MODEL = """\
MODEL (
  name starter.cities_per_country,
  kind FULL,
  cron '*/5 * * * *',
  description 'How many cities of each country there are',
  grain country,
  audits (
    not_null(columns := (country, cities)),
    unique_values(columns := (country))
  )
);

SELECT
  country::TEXT, -- The country's name
  COUNT(*)::INT AS cities -- How many of its cities are known
FROM starter.cities
GROUP BY country
"""
_IGNORE = """\
.cache/
logs/
*.duckdb
*.duckdb.wal
"""
_FILES = {
    "config.py": _CONFIG,
    "models/cities.sql": _SEED,
    "models/cities_per_country.sql": _MODEL,
    "seeds/cities.csv": _CITIES,
    ".gitignore": _IGNORE,
}


def write(folder: Path) -> None:
    """Write the project's files into a folder that is new or empty.

    Raises:
        UsageError: the folder has something in it, which stays as it is.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} is not empty, so no SQLMesh project is made there",
            hint="Leave --init out to use it, or name another folder with --project-path.",
        )
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
