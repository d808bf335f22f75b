"""Generating where there is no network, and nothing secret gets into what is generated."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.shop import run
from projects import model, write_project

pytestmark = pytest.mark.process

SECRETS = {
    "WAREHOUSE_PASSWORD": "hunter2-warehouse",
    "WAREHOUSE_HOST": "db.internal.example",
    "WAREHOUSE_PORT": "6543",
    "STATE_PASSWORD": "hunter2-state",
    "SLACK_URL": "https://hooks.slack.example/T0/hunter2-slack",
}
CONFIG = """
    project: finance
    gateways:
      warehouse:
        connection:
          type: postgres
          host: "{{ env_var('WAREHOUSE_HOST') }}"
          port: {{ env_var('WAREHOUSE_PORT') }}
          user: loader
          password: "{{ env_var('WAREHOUSE_PASSWORD') }}"
          database: analytics
        state_connection:
          type: postgres
          host: state.internal.example
          port: 5432
          user: state
          password: "{{ env_var('STATE_PASSWORD') }}"
          database: state
    notification_targets:
      - type: slack_webhook
        url: "{{ env_var('SLACK_URL') }}"
        notify_on: [run_failure]
    model_defaults: {dialect: postgres, start: 2026-01-01}
"""
FILES = {
    "models/a.sql": model("sales.orders", "SELECT id::INT FROM raw.orders", kind="FULL"),
    "models/b.sql": model("sales.lines", "SELECT id FROM sales.orders", kind="VIEW"),
}


def generate(folder: Path, *prefix: str, **environment: str) -> str:
    command = [*prefix, sys.executable, "-m", "dg_sqlmesh_codegen", "project", "-o", "defs"]
    return run(command, folder, **environment).stderr


def texts(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.py")}


def can_unshare() -> bool:
    unshare = shutil.which("unshare")
    return (
        bool(unshare) and subprocess.run([str(unshare), "-n", "true"], check=False).returncode == 0
    )


@pytest.mark.skipif(not can_unshare(), reason="this machine allows no new network namespace")
def test_without_network_environment_or_driver(tmp_path: Path) -> None:
    write_project(tmp_path / "project", FILES, config=CONFIG)
    generate(tmp_path, "unshare", "-n")
    without = texts(tmp_path / "defs")

    # Nothing is left in the project: no database, no log, no cache.
    assert {path.name for path in tmp_path.iterdir()} == {"project", "defs"}
    assert {path.name for path in (tmp_path / "project").iterdir()} == {"config.yaml", "models"}
    shutil.rmtree(tmp_path / "defs")
    said = generate(tmp_path, **SECRETS)
    assert texts(tmp_path / "defs") == without
    # No secret, no variable and no absolute path is in the package.
    written = "".join(without.values())
    for secret in SECRETS.values():
        assert secret not in written
        assert secret not in said
    for line in CONFIG.splitlines():
        key, _, value = line.strip().partition(": ")
        if key in {"user", "host"} and value and "env_var" not in value:
            assert f'"{value}"' not in written
    assert str(tmp_path) not in written
    assert '"analytics"' in written
