"""Canceling queries, and exiting although a query cannot be canceled."""

from __future__ import annotations

import subprocess
import sys
import threading
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


def driver(*methods: str, error: Exception | None = None) -> MagicMock:
    """A job, cursor or connection with some of the methods of drivers, each of which can fail."""
    return MagicMock(spec=methods, **{f"{name}.side_effect": error for name in methods})


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
        ([driver(), driver("cancel")], [[], ["cancel"]]),  # psycopg
        ([driver("cancel"), driver("close")], [["cancel"], []]),  # Trino
        ([driver("cancel"), driver(), driver("close")], [["cancel"], [], []]),  # BigQuery's job
        # BigQuery refuses, or the cursor is gone: the next one is tried.
        ([driver("cancel", error=OSError("403")), driver("cancel")], [["cancel"], ["cancel"]]),
    ],
)
def test_the_first_method_that_works_is_called(
    handles: list[MagicMock], called: list[list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    cancel(lambda: handles)

    assert [[call[0] for call in each.method_calls] for each in handles] == called
    assert ("could not be canceled" in caplog.text) == (called == [["cancel"], ["cancel"]])


def test_snowflake_cancels_what_its_session_runs(caplog: pytest.LogCaptureFixture) -> None:
    """No method of its connection cancels, and its session has an id."""
    connection = MagicMock(spec=["cursor", "session_id"], session_id=17)
    cancel(lambda: [object(), connection])
    cursor = connection.cursor.return_value.__enter__.return_value
    cursor.execute.assert_called_once_with("SELECT SYSTEM$CANCEL_ALL_QUERIES(17)")

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
    cursor, stop = driver("interrupt"), Stop()
    stop.begin(lambda: [cursor])
    stop.end()
    before = threading.active_count()
    stop.cancel()

    assert threading.active_count() == before
    assert cursor.method_calls == []
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
