"""Fixtures that several folders of tests share."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from dg_sqlmesh_codegen.cache import store

# Before anything imports SQLMesh: tests tell nobody that they ran.
os.environ["SQLMESH__DISABLE_ANONYMIZED_ANALYTICS"] = "true"
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "true"
# Nor do they leave anything in the user's cache folder, except for what pip downloads.
os.environ.setdefault("PIP_CACHE_DIR", str(platformdirs.user_cache_path("pip")))
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="dg-sqlmesh-codegen-tests-")

# A shell has its background jobs ignore ^C, and so do all processes that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the fast tests first: what is broken is known sooner."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture(scope="session", autouse=True)
def _records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the generator remembers out of the user's cache folder, also in processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(store.FOLDER, str(tmp_path_factory.mktemp("records")))
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT
