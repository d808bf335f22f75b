"""Runs the example from nothing: generate, plan with SQLMesh, run with Dagster, show the result.

    python generated_example/run.py [FOLDER]

FOLDER keeps the shop's database, Dagster's records and the log. The default is a temporary folder.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
LINES_OF_A_FAILED_STEP = 15


@dataclass(frozen=True)
class Step:
    title: str
    command: str
    prints_result: bool = False


STEPS = (
    Step("Load the shop's source tables", "python shop/load_sources.py"),
    Step("Generate the Dagster package", "python -m dg_sqlmesh_codegen shop -o defs"),
    # The models become due in the two days between this plan and the run.
    Step(
        "Plan and promote with SQLMesh, as of two days ago",
        "sqlmesh -p shop plan --auto-apply --no-prompts --execution-time '2 days ago'",
    ),
    Step("Run what is due with Dagster", "python run_job.py"),
    Step("Read what Dagster recorded", "python report.py", prints_result=True),
)


@dataclass(frozen=True)
class Run:
    """One run of the example, in a folder that holds all it writes but the package."""

    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "run.log"

    @property
    def variables(self) -> dict[str, str]:
        return {
            "SHOP_DATABASE": str(self.folder / "shop.duckdb"),
            "DAGSTER_HOME": str(self.folder / "dagster"),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }

    def prepare(self) -> None:
        """Writes Dagster's settings: those of deploy/, on SQLite and without automatic retries."""
        home = self.folder / "dagster"
        home.mkdir(parents=True, exist_ok=True)
        settings = yaml.safe_load((HERE / "deploy" / "dagster.yaml").read_text(encoding="utf-8"))
        del settings["storage"], settings["run_retries"]
        (home / "dagster.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        self.log.write_text("", encoding="utf-8")

    def execute(self, step: Step) -> str:
        """Runs a step and returns its result; a failed step ends the program."""
        with self.log.open("a", encoding="utf-8") as log:
            print(f"\n$ {step.command}", file=log, flush=True)
            start = log.tell()
            done = subprocess.run(
                shlex.split(step.command),
                cwd=HERE,
                env={**os.environ, **self.variables},
                stdout=subprocess.PIPE if step.prints_result else log,
                stderr=log,
                text=True,
                check=False,
            )
        if done.returncode:
            printed = self.log.read_bytes()[start:].decode("utf-8", "replace").splitlines()
            last = "\n".join(printed[-LINES_OF_A_FAILED_STEP:])
            print("failed", flush=True)
            sys.exit(f"\n{last}\n\nThis command failed: {step.command}\nLog: {self.log}")
        return done.stdout or ""

    def next_steps(self) -> str:
        """Returns the log's path and the commands that open Dagster's UI."""
        here, bin_folder = shlex.quote(str(HERE)), shlex.quote(str(BIN))
        return f"""\
Log of all steps: {self.log}

Next, see the same assets in Dagster's UI:
  {bin_folder}/pip install dagster-dg-cli dagster-webserver
  cd {here}
  export SHOP_DATABASE={shlex.quote(self.variables["SHOP_DATABASE"])}
  export DAGSTER_HOME={shlex.quote(self.variables["DAGSTER_HOME"])}
  PATH={bin_folder}:$PATH dg dev -m defs.definitions"""


def main(folder: Path) -> None:
    run = Run(folder)
    run.prepare()
    result = ""
    for number, step in enumerate(STEPS, start=1):
        print(f"{number}/{len(STEPS)}  {step.title:50}", end="", flush=True)
        started = time.monotonic()
        result = run.execute(step)
        print(f"{time.monotonic() - started:5.1f} s", flush=True)
    print(f"\n{result}\n{run.next_steps()}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="shop-")).resolve())
