"""Runs in this process that keep their record in the test's own folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from cache.runs import Runs, counted
from dg_sqlmesh_codegen.cache import store


@pytest.fixture
def runs(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Runs:
    """A folder for a project and its package."""
    runs = Runs(tmp_path / "work", tmp_path_factory.getbasetemp(), capsys)
    monkeypatch.setenv(store.FOLDER, str(tmp_path / "records"))
    monkeypatch.setenv("SQLMESH_HOME", str(tmp_path / "home"))
    counted(monkeypatch, runs.loads)
    return runs
