"""Canceling queries, and exiting although a query cannot be canceled."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import duckdb
import pytest

from dg_sqlmesh_codegen.runtime.concurrency.cancel import Stop

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
        stop.begin(cursor, connection)
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
    """A cursor or connection that has some of the methods that drivers have."""

    def __init__(self, *methods: str, error: Exception | None = None) -> None:
        self.called: list[str] = []
        self.error = error
        self.done = threading.Event()
        for name in methods:
            setattr(self, name, self.method(name))

    def method(self, name: str) -> Callable[[], None]:
        def call() -> None:
            self.called.append(name)
            self.done.set()
            if self.error:
                raise self.error

        return call


def test_the_first_cancel_method_of_a_driver_is_called_once() -> None:
    psycopg = (Driver(), Driver("cancel"))
    trino = (Driver("cancel"), Driver("close"))
    for cursor, connection in (psycopg, trino):
        stop = Stop()
        stop.begin(cursor, connection)
        stop.cancel()
        assert (cursor if cursor is trino[0] else connection).done.wait(10)

    assert [each.called for each in (*psycopg, *trino)] == [[], ["cancel"], ["cancel"], []]


def test_the_connection_is_tried_after_the_cursor_fails(caplog: pytest.LogCaptureFixture) -> None:
    cursor, connection = Driver("cancel", error=OSError("gone")), Driver("cancel")
    stop = Stop()
    stop.begin(object())
    stop.cancel()
    stop.begin(cursor, connection)
    stop.cancel()

    assert connection.done.wait(10), "the connection was not tried after the cursor had failed"
    assert "could not be canceled" in caplog.text


def test_a_thread_that_has_ended_is_not_canceled() -> None:
    cursor = Driver("interrupt")
    stop = Stop()
    stop.begin(cursor)
    stop.end()
    stop.cancel()

    assert not cursor.done.wait(0.2)
    assert not stop.is_set()
    stop.set()
    assert stop.is_set()


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
