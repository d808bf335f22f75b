"""Runs a part of the tests with each pair of versions, each in an environment of its own.

    PYTHONPATH=tests python -m matrix.run [ROW...]

Prints the table that the README holds, and fails if a test fails or the README differs.
`versions.py` says what is tried.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as Xml

from matrix.versions import NOT_HERE, ROWS, Row, table

ROOT = Path(__file__).resolve().parents[2]
# A row takes minutes. Without a limit, one that hangs would end CI without a word.
LIMIT_SECONDS = 1800
UV = str(Path(sys.executable).parent / "uv")
# The whole suite takes warnings for errors; those of old versions are not ours to mend. And it has
# pytest-xdist, which is not installed here.
PYTEST = (
    *("-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider"),
    *("-o", "addopts=", "-o", "filterwarnings=", "-m", "not (server or network or benchmark)"),
    *("-k", " and ".join(f"not {each}" for each in NOT_HERE)),
)


def interpreter(python: str) -> str:
    """Return the path of an interpreter of pyenv, of which uv finds the selected one only."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return next((str(path) for path in root.glob(f"versions/{python}.*/bin/python")), python)


def execute(command: list[str], log: Path) -> bool:
    """Run a command and return whether it succeeded; what it prints is appended to a file."""
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "PYTEST_ADDOPTS": ""}
    environment.pop("PYTHONPATH", None)
    with log.open("a", encoding="utf-8") as file:
        try:
            subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                stdout=file,
                stderr=file,
                timeout=LIMIT_SECONDS,
                check=True,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            print(f"\n{error}", file=file)
            return False
    return True


def run(row: Row, folder: Path) -> Xml.Element | None:
    """Return pytest's report of a row; None if this machine does not have its Python."""
    folder.mkdir()
    python, report, log = folder / "venv/bin/python", folder / "report.xml", folder / "log"
    started = time.monotonic()
    if not execute([UV, "venv", "-q", "-p", interpreter(row.python), str(folder / "venv")], log):
        print(f"{row.name}: not run, because this machine has no Python {row.python}")
        return None
    install = [UV, "pip", "install", "-q", "-p", str(python), "--editable", "."]
    installed = execute([*install, *row.packages], log)
    test = [str(python), *PYTEST, *row.tests, f"--junitxml={report}"]
    passed = installed and execute(test, log)
    print(f"{row.name}: {time.monotonic() - started:.0f} s")
    if not passed:
        print(log.read_text(encoding="utf-8"))
    return Xml.parse(report).getroot() if report.exists() else Xml.Element("none")


def main(names: list[str]) -> int:
    """Run all rows, or those of these names, and return the exit code."""
    rows = [row for row in ROWS if not names or row.name in names]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        reports = pool.map(lambda row: run(row, Path(folder) / row.name), rows)
        found = {
            row: report for row, report in zip(rows, reports, strict=True) if report is not None
        }
    printed = table(found).splitlines()
    print("", *printed, sep="\n")
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    new = [line for line in printed if line not in readme]
    if new:
        print("\nREADME.md does not have these lines:", *new, sep="\n")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
