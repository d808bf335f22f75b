"""Fixtures that several folders of tests share, and what each test costs.

A module says with `pytestmark` what its tests cost; a test without such a marker is a `unit` test.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pytest

from dg_sqlmesh_codegen.cache import store

# Before anything imports SQLMesh: tests send no usage statistics.
os.environ["SQLMESH__DISABLE_ANONYMIZED_ANALYTICS"] = "true"
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "true"
# Small projects load faster where SQLMesh forks no processes for it; real projects have them fork.
os.environ["MAX_FORK_WORKERS"] = "1"
# Tests leave nothing in the user's folders, except for pip's downloads.
os.environ.setdefault("PIP_CACHE_DIR", str(platformdirs.user_cache_path("pip")))
for _variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
    os.environ[_variable] = tempfile.mkdtemp(prefix="dg-sqlmesh-codegen-tests-")

# A shell has its background jobs ignore ^C, and so do all processes that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
# From cheap to expensive; pyproject.toml explains them.
COSTS = ("unit", "sqlmesh", "dagster", "process", "network", "server", "benchmark")
COSTLY_MODULE = re.compile(
    rf"^pytestmark = .*pytest\.mark\.({'|'.join(COSTS[1:])})\b", re.MULTILINE
)
STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}


@pytest.hookimpl(optionalhook=True)  # the matrix has no pytest-xdist
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use all processors for the suite, and this process alone for chosen files."""
    return 0 if config.option.file_or_dir else os.cpu_count() or 1


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m unit`, leave out modules that hold no unit test: many of them import SQLMesh."""
    if config.option.markexpr != "unit" or not collection_path.name.startswith("test_"):
        return None
    return bool(COSTLY_MODULE.search(collection_path.read_text(encoding="utf-8"))) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the unit tests, and run cheap tests first: what is broken is known sooner."""
    for item in items:
        if _cost(item) == "unit":
            item.add_marker("unit")
    items.sort(key=lambda item: COSTS.index(_cost(item)))


def _cost(item: pytest.Item) -> str:
    return next((cost for cost in reversed(COSTS) if item.get_closest_marker(cost)), "unit")


@dataclass
class _Guard:
    """Fails what a unit test must not do, wherever the tested code does it."""

    no_process: bool = False
    no_sqlmesh: bool = False

    def check(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.no_process and event in STARTS:
            pytest.fail(f"a unit test starts a process ({event}): mark it `process`")
        if self.no_sqlmesh and event == "import" and arguments[0] == "sqlmesh":
            pytest.fail("a unit test imports SQLMesh: mark it or its module `sqlmesh`")


_guard = _Guard()
sys.addaudithook(_guard.check)


def pytest_configure(config: pytest.Config) -> None:
    """With `-m unit`, no module that is collected imports SQLMesh either."""
    _guard.no_sqlmesh = config.option.markexpr == "unit"


@pytest.fixture(autouse=True)
def _unit_tests_start_no_process(request: pytest.FixtureRequest) -> Iterator[None]:
    _guard.no_process = request.node.get_closest_marker("unit") is not None
    yield
    _guard.no_process = False


@pytest.fixture(autouse=True)
def _no_dagster_instance_stays_current() -> Iterator[None]:
    """Forget the storage of an instance whose context a test did not leave.

    Dagster keeps it in a context variable, and the next definitions that are loaded would ask it.
    """
    yield
    module = sys.modules.get("dagster._core.storage.defs_state.base")
    if module is not None:
        module._current_storage.set(None)


@pytest.fixture(scope="session", autouse=True)
def _records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the generator's records out of the user's cache folder, in processes, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(store.FOLDER, str(tmp_path_factory.mktemp("records")))
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT
