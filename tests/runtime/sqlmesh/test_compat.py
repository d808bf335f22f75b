"""What the runtime takes from SQLMesh's private side: the pools of connections."""

import threading
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from sqlmesh.utils.connection_pool import create_connection_pool

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
