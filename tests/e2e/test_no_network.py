"""Generating where there is no network, and nothing secret gets into what is generated."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.shop import run
from packages import on_disk
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


GENERATE = [sys.executable, "-m", "dg_sqlmesh_codegen", "project", "-o", "defs"]
UNSHARE = ["unshare", "-n"]


def can_unshare() -> bool:
    found = shutil.which("unshare")
    return bool(found) and subprocess.run([*UNSHARE, "true"], check=False).returncode == 0


@pytest.mark.skipif(not can_unshare(), reason="this machine allows no new network namespace")
def test_without_network_environment_or_driver(tmp_path: Path) -> None:
    write_project(tmp_path / "project", FILES, config=CONFIG)
    run([*UNSHARE, *GENERATE], tmp_path)
    without = on_disk(tmp_path / "defs")

    # Nothing is left in the project: no database, no log, no cache.
    assert {path.name for path in tmp_path.iterdir()} == {"project", "defs"}
    assert {path.name for path in (tmp_path / "project").iterdir()} == {"config.yaml", "models"}
    shutil.rmtree(tmp_path / "defs")
    said = run(GENERATE, tmp_path, **SECRETS).stderr
    assert on_disk(tmp_path / "defs") == without
    # No secret, no variable, no connection and no absolute path is in the package.
    written = "".join(without.values())
    for secret in SECRETS.values():
        assert secret not in written
        assert secret not in said
    for connection in ('"loader"', '"state.internal.example"', str(tmp_path)):
        assert connection not in written
    assert '"analytics"' in written
