"""A selector that selects nothing is one line, with the nearest names of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from projects import model, write_project
from refusals import TABLE, cases, error_of, expect, write_table

pytestmark = pytest.mark.sqlmesh

FILES = {
    "models/orders.sql": model("staging.orders", tags="(finance)"),
    "models/customers.sql": model("staging.customers", "SELECT id FROM staging.orders"),
}


@pytest.mark.parametrize("line", cases("selectors"))
def test_a_selection_without_models(
    line: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_project(folder / "shop", FILES)
    write_table(*line.splitlines())

    message = error_of(capsys, "shop", "-o", "defs")

    assert message.startswith(f"error: pyproject.toml {TABLE}: ")
    expect("selectors", line, message)
