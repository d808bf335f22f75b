"""Runs the example from nothing: generate, plan with SQLMesh, materialize through Dagster.

    python generated_example/run.py [FOLDER]

Databases and Dagster's records go to FOLDER, a temporary one by default.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
# Two days of the shop pass between the plan and the run, so that Dagster finds models due.
PLANNED_AT = "2 days ago"


def main(folder: Path) -> None:
    python = Path(sys.executable)
    environment = {
        **os.environ,
        "SHOP_DATABASE": str(folder / "shop.duckdb"),
        "DAGSTER_HOME": str(folder / "dagster"),
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
    }
    (folder / "dagster").mkdir(exist_ok=True)
    (folder / "dagster" / "dagster.yaml").write_text((HERE / "dagster.yaml").read_text())

    def run(title: str, command: str) -> None:
        print(f"\n== {title}\n$ {command}", flush=True)
        subprocess.run(shlex.split(command), cwd=HERE, env=environment, check=True)

    run("The shop's source tables", "python shop/load_sources.py")
    run("SQLMesh project -> Dagster package", "python -m dg_sqlmesh_codegen shop -o defs")
    run(
        "SQLMesh plans and promotes, as of two days ago",
        f"sqlmesh -p shop plan --auto-apply --no-prompts --execution-time {PLANNED_AT!r}",
    )
    run("Dagster runs what is due since", "dagster job execute -m defs.definitions -j sqlmesh_job")
    run("What Dagster knows now", "python report.py")
    print("\nThe same in a browser, after `pip install dagster-webserver` in the same environment:")
    print(f"  cd {HERE}")
    print(f"  SHOP_DATABASE={folder}/shop.duckdb DAGSTER_HOME={folder}/dagster \\")
    print(f"  PATH={python.parent}:$PATH dagster dev -m defs.definitions")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="shop-")).resolve())
