"""Canceling queries, and exiting although a query cannot be canceled."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from unittest.mock import MagicMock

import duckdb
import pytest

from dg_sqlmesh_codegen.runtime.concurrency.cancel import Handles, Stop

# A thread of a pool works until `go` is set, as SQLMesh's threads do, and the run is stopped.
EXIT = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from dg_sqlmesh_codegen.runtime.concurrency.cancel import exit_with_main_thread

known = threading.enumerate()
go = threading.Event()
begun = threading.Event()
def work():
    begun.set()
    go.wait(600)
def run():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work)
run_thread = threading.Thread(target=run, daemon=True)
run_thread.start()
begun.wait()
exit_with_main_thread(known)
print("main goes on", flush=True)
if sys.argv[1] == "ends":
    go.set()
    run_thread.join()
import atexit
atexit.register(print, "tidied up", flush=True)
"""


def test_a_query_is_canceled_from_another_thread() -> None:
    connection = duckdb.connect()
    cursor = connection.cursor()
    stop = Stop()
    errors: list[BaseException] = []

    def work() -> None:
        stop.begin(lambda: [cursor, connection])
        try:
            cursor.execute(
                "SELECT SUM(a.range * b.range) FROM range(10000000) a, range(10000000) b"
            )
        except duckdb.InterruptException as error:
            errors.append(error)
        finally:
            stop.end()

    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():  # nothing to cancel before the query starts
        stop.cancel()
        thread.join(0.2)

    assert len(errors) == 1
    connection.execute("SELECT 1")


class Driver:
    """A job, cursor or connection with some of the methods of drivers, each of which can fail."""

    def __init__(self, *methods: str, error: Exception | None = None) -> None:
        self.called: list[str] = []
        for name in methods:
            setattr(self, name, self.method(name, error))

    def method(self, name: str, error: Exception | None) -> Callable[[], None]:
        def call() -> None:
            self.called.append(name)
            if error:
                raise error

        return call


class Snowflake:
    """A connection of Snowflake's driver: no method cancels, and a session has an id."""

    session_id = 17

    def __init__(self) -> None:
        self.cursor = MagicMock()

    @property
    def executed(self) -> list[str]:
        calls = self.cursor.return_value.__enter__.return_value.execute.call_args_list
        return [call.args[0] for call in calls]


def cancel(handles: Handles) -> None:
    """Cancel the query of a thread that has these open, and wait for it."""
    stop = Stop()
    stop.begin(handles)
    before = set(threading.enumerate())
    stop.cancel()
    for thread in set(threading.enumerate()) - before:
        thread.join()


@pytest.mark.parametrize(
    ("handles", "called"),
    [
        ([Driver(), Driver("cancel")], [[], ["cancel"]]),  # psycopg
        ([Driver("cancel"), Driver("close")], [["cancel"], []]),  # Trino
        ([Driver("cancel"), Driver(), Driver("close")], [["cancel"], [], []]),  # BigQuery's job
        # BigQuery refuses, or the cursor is gone: the next one is tried.
        ([Driver("cancel", error=OSError("403")), Driver("cancel")], [["cancel"], ["cancel"]]),
    ],
)
def test_the_first_method_that_works_is_called(
    handles: list[Driver], called: list[list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    cancel(lambda: handles)

    assert [each.called for each in handles] == called
    assert ("could not be canceled" in caplog.text) == (called == [["cancel"], ["cancel"]])


def test_snowflake_cancels_what_its_session_runs(caplog: pytest.LogCaptureFixture) -> None:
    connection = Snowflake()
    cancel(lambda: [object(), connection])
    assert connection.executed == ["SELECT SYSTEM$CANCEL_ALL_QUERIES(17)"]

    connection.cursor.side_effect = OSError("the session is gone")
    cancel(lambda: [connection])
    assert "could not be canceled" in caplog.text


def test_a_thread_that_has_nothing_open(caplog: pytest.LogCaptureFixture) -> None:
    def closed() -> list[object]:
        raise RuntimeError("dictionary changed size during iteration")

    cancel(list)
    assert caplog.text == ""
    cancel(closed)
    assert "could not be found" in caplog.text


def test_a_thread_that_has_ended_is_not_canceled() -> None:
    cursor, stop = Driver("interrupt"), Stop()
    stop.begin(lambda: [cursor])
    stop.end()
    before = threading.active_count()
    stop.cancel()

    assert threading.active_count() == before
    assert cursor.called == []
    assert not stop.is_set()


@pytest.mark.process
@pytest.mark.parametrize(("thread", "code"), [("stays", 1), ("ends", 0)])
def test_the_process_exits_with_its_main_thread(thread: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EXIT, thread],
        capture_output=True,
        text=True,
        timeout=120,  # the thread would take ten minutes
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout == "main goes on\ntidied up\n"
    assert done.returncode == code
