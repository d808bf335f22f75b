"""What is measured: this project's generator and packages, SQLMesh itself, dg-sqlmesh."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from importlib.metadata import version
from pathlib import Path

import yaml

from benchmarks.large_project import write_large_project
from benchmarks.measuring import SCRIPTS, run

PYTHON = sys.executable
# Its process loads what `Context(paths)` loads, and nothing else.
BARE_CONTEXT = (PYTHON, "-c", "from sqlmesh import Context; Context(paths='project')")
GENERATE = (PYTHON, "-m", "dg_sqlmesh_codegen", "project", "-o", "defs", "--quiet")
SQLMESH = (str(Path(PYTHON).with_name("sqlmesh")), "-p", "project")
DAGSTER = str(Path(PYTHON).with_name("dagster"))


def project_in(folder: Path, models: int) -> Path:
    """Write a project of that many models into `folder/project`; return the folder."""
    write_large_project(folder / "project", models)
    return folder


def package_in(folder: Path, models: int) -> Path:
    """Write a project and generate its package into `folder/defs`; return the folder."""
    project_in(folder, models)
    run(GENERATE, folder)
    return folder


def planned_in(folder: Path, models: int, *, planned_at: str = "1 day ago") -> Path:
    """Write, generate, and plan into `folder/warehouse.db` as of a time; return the folder."""
    package_in(folder, models)
    options = ("--auto-apply", "--no-prompts", "--execution-time", planned_at)
    run((*SQLMESH, "plan", *options), folder)
    return folder


def dg_sqlmesh() -> Path:
    """Return the Python of an environment that holds dg-sqlmesh, made once.

    Dagster and SQLMesh are of the versions that are measured here.
    """
    pins = [f"{name}=={version(name)}" for name in ("dagster", "sqlmesh", "sqlglot")]
    more = [f"dagster-postgres=={version('dagster-postgres')}"]
    name = "-".join(["dg-sqlmesh", *(pin.partition("==")[2] for pin in pins)])
    folder = Path(tempfile.gettempdir()) / "dg-sqlmesh-codegen-benchmarks" / name
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "dg-sqlmesh", *pins, *more]
        subprocess.run(command, check=True, capture_output=True)
        (folder / "complete").touch()
    return python


def script(name: str) -> Path:
    """Return one of the scripts that measured processes run."""
    return SCRIPTS / f"{name}.py"


# dg-sqlmesh refuses to run without the queued coordinator. Nothing goes through its queue here.
_INSTANCE = """
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
telemetry:
  enabled: false
"""


def instance_in(folder: Path, postgres_url: str | None = None) -> dict[str, str]:
    """Make an empty instance, tables included; return the environment that names it.

    It keeps its records in a database of PostgreSQL, or in SQLite.
    """
    home = folder / "dagster_home"
    home.mkdir()
    storage = {"storage": {"postgres": {"postgres_url": postgres_url}}} if postgres_url else {}
    (home / "dagster.yaml").write_text(_INSTANCE + (yaml.safe_dump(storage) if storage else ""))
    environment = {"DAGSTER_HOME": str(home)}
    code = "import dagster; dagster.DagsterInstance.get().get_runs_count()"
    run((PYTHON, "-c", code), folder, environment)
    return environment
