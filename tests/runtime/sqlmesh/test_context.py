"""Opening a context: its options, its lock and its errors, with a replacement for SQLMesh's."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlmesh.core.config import DuckDBConnectionConfig
from sqlmesh.utils.errors import ConfigError

from dg_sqlmesh_codegen.runtime.concurrency.file_lock import LockHolder, hold, read_holder
from dg_sqlmesh_codegen.runtime.concurrency.state_lock import LockRequest
from dg_sqlmesh_codegen.runtime.errors import SetupError, StateBusyError
from dg_sqlmesh_codegen.runtime.redaction import Redaction
from dg_sqlmesh_codegen.runtime.run_target import Exclusivity, Locking, Target
from dg_sqlmesh_codegen.runtime.sqlmesh import context as opened
from dg_sqlmesh_codegen.runtime.sqlmesh.compat import ExactSelector
from dg_sqlmesh_codegen.runtime.sqlmesh.console import AuditNotifier

pytestmark = pytest.mark.sqlmesh

TARGET = Target((".",), "prod", "main", "config", 3, Locking(timeout_seconds=0, folder="locks"))


class Context:
    """In place of SQLMesh's context: the state is in a DuckDB file."""

    made: Context

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        Context.made = self
        self.options, self.gateway = options, "main"
        self.connection_config = DuckDBConnectionConfig(database="state.db")
        self.notification_target_manager = SimpleNamespace(user_notification_targets={})
        no_config = {"get_state_connection": lambda _: None, "get_state_schema": lambda _: None}
        self.config = SimpleNamespace(username="ana", **no_config)

    def close(self) -> None:
        self.holders_at_close = [read_holder(path) for path in Path("locks").glob("*.lock")]


@pytest.fixture(autouse=True)
def _replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(opened, "Context", Context)
    monkeypatch.setattr(opened, "secrets_of", lambda config: {"hunter2!"})


def open_and_close(request: LockRequest | None = None, target: Target = TARGET) -> None:
    with opened.open_context(target, Redaction(), request):
        pass


def test_the_options_of_the_context() -> None:
    notifier, redaction = AuditNotifier(report=print), Redaction()
    with opened.open_context(TARGET, redaction, notifier=notifier):
        made = Context.made

    named = {"paths": ["."], "config": "config", "gateway": "main", "concurrent_tasks": 3}
    hooks = {"notification_targets": [notifier], "selector": ExactSelector, "load": False}
    assert made.options == named | hooks
    # `concurrent_tasks` above sets the threads, and this the connections.
    assert made.connection_config.concurrent_tasks == 3
    # With a `username` in the configuration, SQLMesh notifies only this user.
    assert made.notification_target_manager.user_notification_targets == {"ana": {notifier}}
    assert redaction.text("hunter2!") == "***"
    assert made.holders_at_close == []


def test_the_lock_is_held_until_the_context_is_closed() -> None:
    open_and_close(LockRequest("run-1", TARGET.locking))

    (lock,) = Path("locks").glob("*.lock")
    assert [each.run_id for each in Context.made.holders_at_close if each] == ["run-1"]
    assert read_holder(lock) is None


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (LockRequest("run-1", TARGET.locking), "waited 0 seconds for run other-run"),
        (LockRequest("", TARGET.locking.for_tick()), "run other-run"),  # a tick does not wait
    ],
)
def test_another_run_has_the_lock(request_: LockRequest, problem: str) -> None:
    open_and_close(request_)
    (lock,) = Path("locks").glob("*.lock")
    with (
        hold(lock, LockHolder.here("other-run"), 0, lambda holder, waited: None),
        pytest.raises(StateBusyError) as caught,
    ):
        open_and_close(request_)
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize("mode", Exclusivity)
def test_a_lock_that_cannot_be_used(mode: Exclusivity) -> None:
    Path("locks").touch()  # in place of the folder
    emitted: list[Any] = []
    request = LockRequest("run-1", Locking(mode, 0, "locks"), emitted.append)
    if mode is Exclusivity.REQUIRE:
        with pytest.raises(SetupError, match="`lock_dir`"):
            open_and_close(request)
    else:
        open_and_close(request)
    assert len(emitted) == (mode is Exclusivity.WARN)


def test_a_missing_folder_and_an_invalid_project(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**options: object) -> None:
        raise ConfigError("no gateway 'main'")

    with pytest.raises(SetupError, match="folder nowhere is missing"):
        open_and_close(target=Target(("nowhere",), "prod"))
    monkeypatch.setattr(opened, "Context", refuse)
    with pytest.raises(SetupError, match=r"no gateway 'main'. Run `sqlmesh -p . info`"):
        open_and_close()


@pytest.mark.parametrize(("text", "raised"), [("Could not set lock", True), ("disk full", False)])
def test_the_duckdb_file_is_open_in_another_process(text: str, raised: bool) -> None:
    error = type("IOException", (Exception,), {"__module__": "_duckdb"})
    expected = StateBusyError if raised else error
    with pytest.raises(expected, match=text), opened.open_context(TARGET, Redaction()):
        raise error(text)
