"""What differs between versions of SQLMesh, and what the runtime takes from its private side."""

import builtins
import importlib.metadata
import runpy
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from sqlmesh import Context
from sqlmesh.core.config import Config, DuckDBConnectionConfig
from sqlmesh.utils.connection_pool import create_connection_pool

from dg_sqlmesh_codegen.runtime.errors import SetupError
from dg_sqlmesh_codegen.runtime.sqlmesh import compat

pytestmark = pytest.mark.sqlmesh


@pytest.mark.parametrize(
    ("multithreaded", "shared"), [(False, False), (True, False), (True, True)], ids=str
)
def test_the_open_handles_of_a_thread(multithreaded: bool, shared: bool) -> None:
    connect = Mock()
    pool = create_connection_pool(connect, multithreaded, shared)
    get_adapter = Mock(return_value=SimpleNamespace(_connection_pool=pool))
    context: Any = SimpleNamespace(snapshot_evaluator=SimpleNamespace(get_adapter=get_adapter))
    job = object()
    before: list[object] = []

    def work() -> None:
        before.extend(compat.open_handles(context, "main", threading.get_ident()))
        assert not connect.called  # it opens nothing: a connection can be refused
        pool.get_cursor()
        pool.set_attribute("query_job", job)  # as BigQuery's adapter does

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert before == []
    connection = connect.return_value
    assert compat.open_handles(context, "main", thread.ident or 0) == [
        job,
        connection.cursor.return_value,
        connection,
    ]
    get_adapter.assert_called_with("main")


def test_each_attempt_of_a_run_chooses_models_by_fqn(tmp_path: Path) -> None:
    context = Context(
        paths=tmp_path, config=Config(default_connection=DuckDBConnectionConfig()), load=False
    )
    # Names that SQLMesh's own selector cannot parse.
    attempts = iter([{'"a b"."c&d"'}, {'"e"'}])
    compat.choose_models(context, lambda: next(attempts))
    for chosen in ({'"a b"."c&d"'}, {'"e"'}):
        # As `Context.run` asks.
        selector = context._new_selector(models={}, dag=None)  # type: ignore[arg-type]
        assert selector.expand_model_selections(['"x"']) == chosen


@pytest.mark.parametrize(
    ("environment", "preview", "altered"),
    [("prod", 2000, 1000), ("dev", 2000, 2000), ("dev", 500, 1000), ("dev", None, 1000)],
)
def test_previews_count_in_development_environments_only(
    environment: str, preview: int | None, altered: int
) -> None:
    """SQLMesh keeps intervals of a preview (a forward-only change) apart."""
    snapshot: Any = SimpleNamespace(last_altered_ts=1000, dev_last_altered_ts=preview)
    of_an_old_version: Any = SimpleNamespace()

    assert compat.altered_ms(snapshot, environment) == altered
    assert compat.altered_ms(of_an_old_version, environment) is None


def import_compat() -> str:
    """Import the module as if for the first time, and return its error."""
    with pytest.raises(SetupError) as caught:
        runpy.run_path(str(compat.__file__))
    return str(caught.value)


def test_a_version_that_is_too_old_and_one_that_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remedy = 'Run `pip install "sqlmesh>=0.206.1,<=0.236.4"`.'
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.205.3")
    too_old = "SQLMesh 0.205.3 is too old: dg-sqlmesh-codegen needs 0.206.1"
    assert import_compat() == f"{too_old}. {remedy}"

    real_import = builtins.__import__

    def without_selectors(name: str, *arguments: Any) -> Any:  # noqa: ANN401 - as Python's own
        if name == "sqlmesh.core.scheduler":
            raise ImportError("cannot import name 'merged_missing_intervals'")
        return real_import(name, *arguments)

    monkeypatch.setattr(importlib.metadata, "version", lambda _: "9.0.1.dev2")
    monkeypatch.setattr(builtins, "__import__", without_selectors)
    unknown = "dg-sqlmesh-codegen cannot use SQLMesh 9.0.1.dev2; it was tried up to 0.236.4"
    assert import_compat() == (
        f"{unknown}: cannot import name 'merged_missing_intervals'. {remedy}"
    )


@pytest.mark.parametrize(
    ("minor", "count"), [(206, 4), (212, 3), (217, 2), (223, 2), (224, 1), (225, 0)]
)
def test_what_a_version_leaves_out(minor: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "_MINOR", (0, minor))
    assert len(compat.left_out()) == count
