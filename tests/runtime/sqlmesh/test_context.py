"""Opening a context: its options, its lock and its errors, with a replacement for SQLMesh's."""

from pathlib import Path
from unittest.mock import Mock

import pytest
from sqlmesh import Context
from sqlmesh.core.config import DuckDBConnectionConfig
from sqlmesh.utils.errors import ConfigError

from dg_sqlmesh_codegen.runtime.concurrency.file_lock import StateFileLock
from dg_sqlmesh_codegen.runtime.concurrency.locks import LockHolder, LockRequest
from dg_sqlmesh_codegen.runtime.errors import SetupError, StateBusyError
from dg_sqlmesh_codegen.runtime.redaction import Redaction
from dg_sqlmesh_codegen.runtime.run_target import Locking, Target
from dg_sqlmesh_codegen.runtime.sqlmesh import context as opened
from dg_sqlmesh_codegen.runtime.sqlmesh.console import AuditNotifier
from projects import write_project

pytestmark = pytest.mark.sqlmesh

TARGET = Target((".",), "prod", "main", "config", 3, Locking(timeout_seconds=0, folder="locks"))


@pytest.fixture(autouse=True)
def context_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Replace SQLMesh's context; the state is in a DuckDB file."""
    made = Mock()
    context = made.return_value
    context.connection_config = DuckDBConnectionConfig(database="state.db")
    context.notification_target_manager.user_notification_targets = {}
    context.config.username = "ana"
    context.config.get_state_connection.return_value = None
    other = Mock(gateways={}, default_connection=None)
    context.configs = {tmp_path: Mock(gateways={}, default_connection=None), tmp_path / "b": other}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(opened, "Context", made)
    monkeypatch.setattr(
        opened, "secrets_of", lambda config: {"of-the-second!" if config is other else "hunter2!"}
    )
    return made


def holder_of(lock: Path) -> LockHolder | None:
    return StateFileLock(lock).holder()


def open_and_close(request: LockRequest | None = None) -> None:
    with opened.open_context(TARGET, Redaction(), request):
        pass


def test_a_relative_path_is_that_of_the_working_directory_or_of_the_project(
    context_class: Mock, tmp_path: Path
) -> None:
    for path in ("both.db", "project/both.db", "project/there.db"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    attached = {"a": "there.db", "b": {"type": "duckdb", "path": "there.db"}, "c": ":memory:"}
    catalogs = DuckDBConnectionConfig.model_validate({"catalogs": attached})
    both = DuckDBConnectionConfig(database="both.db")
    default = DuckDBConnectionConfig(database="there.db")
    gateway = Mock(connection=catalogs, state_connection=both)
    config = Mock(gateways={"g": gateway}, default_connection=default)
    context_class.return_value.configs = {tmp_path / "project": config}
    open_and_close()

    there = str(tmp_path / "project" / "there.db")
    paths = [getattr(each, "path", each) for each in (catalogs.catalogs or {}).values()]
    assert paths == [there, there, ":memory:"]
    assert (default.database, both.database) == (there, "both.db")


def test_the_options_of_the_context(context_class: Mock) -> None:
    notifier, redaction = AuditNotifier(emit=print), Redaction()
    with opened.open_context(TARGET, redaction, notifier=notifier) as context:
        assert not context.close.called  # type: ignore[attr-defined]

    named = {"paths": ["."], "config": "config", "gateway": "main", "load": False}
    context_class.assert_called_once_with(
        **named, concurrent_tasks=3, notification_targets=[notifier]
    )
    # `concurrent_tasks` above sets the threads, and this the connections.
    assert context.connection_config.concurrent_tasks == 3
    # With a `username` in the configuration, SQLMesh notifies only this user.
    assert context.notification_target_manager.user_notification_targets == {"ana": {notifier}}
    assert redaction.text("hunter2! of-the-second!") == "*** ***"
    assert not Path("locks").exists()


def test_the_lock_is_held_until_the_context_is_closed(context_class: Mock) -> None:
    holders: list[LockHolder | None] = []
    close = context_class.return_value.close
    close.side_effect = lambda: holders.extend(map(holder_of, Path("locks").glob("*.lock")))
    open_and_close(LockRequest("run-1", TARGET.locking))

    (lock,) = Path("locks").glob("*.lock")
    assert [each.run_id for each in holders if each] == ["run-1"]
    assert holder_of(lock) is None


def test_an_invalid_project_and_an_open_duckdb_file(context_class: Mock) -> None:
    error = type("IOException", (Exception,), {"__module__": "_duckdb"})
    for text, raised in [("Could not set lock", StateBusyError), ("disk full", error)]:
        with pytest.raises(raised, match=text), opened.open_context(TARGET, Redaction()):
            raise error(text)
    context_class.side_effect = ConfigError("no gateway 'main'")
    with pytest.raises(
        SetupError,
        match=r"no gateway 'main'. Run `sqlmesh -p . --gateway main --config config info`",
    ):
        open_and_close()


def test_a_malformed_configuration_is_not_quoted(
    tmp_path: Path, context_class: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "Context", Context)
    write_project(tmp_path, {}, config="gateways:\n  main: {connection: {password: hunter2: x}}\n")
    with pytest.raises(SetupError) as caught:
        open_and_close()

    place = f"{tmp_path / 'config.yaml'} is not valid YAML: line 2, column 40"
    assert str(caught.value).startswith(f"SQLMesh cannot load the project .: {place}. Run `sqlmesh")
    assert "hunter2" not in str(caught.value)
