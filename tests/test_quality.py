"""What a reviewer would otherwise have to check by hand."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

TOOLS = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        ["mypy"],
        ["ruff", "check", "."],
        ["black", "--check", "--quiet", "."],
        ["lint-imports"],
    ],
    ids=lambda command: command[0],
)
def test_the_checkout_is_clean(root: Path, command: list[str]) -> None:
    tool, *arguments = command
    done = subprocess.run(
        [str(TOOLS / tool), *arguments], cwd=root, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "command",
    [
        # What they import was looked at for the checkout: that takes most of the time.
        ["mypy", "--strict", "--config-file=", "--cache-dir=../.mypy_cache"],
        ["ruff", "check", "--isolated"],
        ["black", "--check", "--quiet", "--config=/dev/null"],
    ],
    ids=lambda command: command[0],
)
def test_the_generated_package_is_clean_without_our_configuration(
    root: Path, command: list[str]
) -> None:
    tool, *arguments = command
    done = subprocess.run(
        [str(TOOLS / tool), *arguments, "defs"],
        cwd=root / "generated_example",
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_checked_in_package_is_current(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dg_sqlmesh_codegen", "shop", "-o", "defs", "--check"],
        cwd=root / "generated_example",
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_what_tests_import_is_named_once(root: Path) -> None:
    extra = pyproject(root)["project"]["optional-dependencies"]["dev"]
    names = [re.split(r"[<>=\[]", each)[0] for each in extra]
    assert [name for name in set(names) if names.count(name) > 1] == []
    assert "psutil" in names


def pyproject(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
