"""What the tests of the runtime put in place of Dagster's storage and of SQLMesh's state."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import Mock

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime import sqlmesh as host


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="module")
def stored_instance() -> Iterator[dg.DagsterInstance]:
    """An instance that a schedule's context can refer to."""
    with dg.instance_for_test() as made:
        yield made


@pytest.fixture
def due_models(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Stand in for the module that reads which models are due."""
    made = Mock()
    # `from .sqlmesh import due_models` finds this attribute and does not import the module.
    monkeypatch.setattr(host, "due_models", made, raising=False)
    return made
