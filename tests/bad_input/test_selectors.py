"""Selectors and jobs that do not fit the project: one line, with its nearest names."""

from __future__ import annotations

from pathlib import Path

import pytest

from projects import model, write_project
from refusals import TABLE, cases, error_of, expect, write_table

pytestmark = pytest.mark.sqlmesh

FILES = {
    "models/orders.sql": model("staging.orders", tags="(finance)", cron_tz="'Europe/Berlin'"),
    "models/customers.sql": model("staging.customers", "SELECT id FROM staging.orders"),
}


@pytest.mark.parametrize("line", cases("selectors"))
def test_selections_and_jobs_that_do_not_fit(
    line: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_project(folder / "shop", FILES)
    write_table(*line.splitlines())

    message = error_of(capsys, "shop", "-o", "defs")

    assert message.startswith(f"error: pyproject.toml {TABLE}: ")
    expect("selectors", line, message)
