"""The lock file, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.runtime.concurrency.file_lock import StateFileLock
from dg_sqlmesh_codegen.runtime.concurrency.locks import LockHolder, LockRequest
from dg_sqlmesh_codegen.runtime.concurrency.state_lock import hold_state
from dg_sqlmesh_codegen.runtime.errors import StateBusyError
from dg_sqlmesh_codegen.runtime.events import Emit, Event
from dg_sqlmesh_codegen.runtime.run_target import Locking

HOLD = """
import sys
from pathlib import Path
from dg_sqlmesh_codegen.runtime.concurrency.locks import LockRequest
from dg_sqlmesh_codegen.runtime.concurrency.state_lock import hold_state
from dg_sqlmesh_codegen.runtime.run_target import Locking
request = LockRequest("other-run", Locking(timeout_seconds=0))
with hold_state(request, None, lambda: Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def request(run_id: str = "mine", timeout: float = 0, emit: Emit = lambda _: None) -> LockRequest:
    return LockRequest(run_id, Locking(timeout_seconds=timeout), emit)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.lock"


def hold(path: Path, request: LockRequest) -> AbstractContextManager[None]:
    return hold_state(request, None, lambda: path)


def holder_of(path: Path) -> LockHolder | None:
    return StateFileLock(path).holder()


@contextmanager
def held_by_another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
        holder.kill()


@pytest.mark.process
def test_a_second_process_waits_and_learns_who_holds_the_lock(path: Path) -> None:
    with held_by_another_process(path) as other:
        seen: list[Event] = []

        def emit(event: Event) -> None:
            seen.append(event)
            assert other.stdin is not None
            other.stdin.close()

        holder = f"run other-run (process {other.pid} on "
        with pytest.raises(StateBusyError) as caught, hold(path, request()):
            pytest.fail("two holders at once")
        before = holder_of(path)
        with hold(path, request(timeout=60, emit=emit)):
            current = holder_of(path)

    assert f"waited 0 seconds for {holder}" in str(caught.value)
    assert "`lock_timeout`" in str(caught.value)
    assert str(before).startswith(holder)
    assert f"Waiting for {holder}" in str(seen)
    assert str(current).startswith(f"run mine (process {os.getpid()} on ")
    assert holder_of(path) is None


@pytest.mark.process
def test_the_lock_of_a_dead_process_is_free(path: Path) -> None:
    with held_by_another_process(path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        left_behind = holder_of(path)
        with hold(path, request()):
            current = holder_of(path)

    assert left_behind is not None
    assert left_behind.run_id == "other-run"
    assert current is not None
    assert current.run_id == "mine"


@pytest.mark.process
def test_an_error_during_the_wait_ends_it(path: Path) -> None:
    def emit(event: Event) -> None:
        raise KeyboardInterrupt

    with held_by_another_process(path):
        with pytest.raises(KeyboardInterrupt), hold(path, request(timeout=60, emit=emit)):
            pytest.fail("two holders at once")
        with pytest.raises(StateBusyError), hold(path, request()):
            pytest.fail("two holders at once")


def test_an_error_of_the_holder_releases_the_lock(path: Path) -> None:
    with pytest.raises(ValueError, match="boom"), hold(path, request()):
        raise ValueError("boom")
    with hold(path, request()):
        pass


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from dg_sqlmesh_codegen.runtime.concurrency.file_lock import StateFileLock
from dg_sqlmesh_codegen.runtime.concurrency.locks import LockRequest
from dg_sqlmesh_codegen.runtime.concurrency.state_lock import hold_state
from dg_sqlmesh_codegen.runtime.run_target import Locking
def hold(run_id):
    return hold_state(LockRequest(run_id, Locking(timeout_seconds=0)), None, lambda: path)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # every write fails, as on a full disk
path = Path(sys.argv[1])
with hold("a"):
    assert StateFileLock(path).holder() is None
    try:
        with hold("b"):
            raise SystemExit("two holders at once")
    except Exception as error:
        sys.stderr.write(f"{type(error).__name__}: {error}")
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process differ")
def test_the_lock_works_on_a_full_disk(path: Path) -> None:
    """The lock file is empty. Only the name of the holder is lost."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL_DISK, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == (
        "StateBusyError: waited 0 seconds for another process. "
        "Try again later, or increase `lock_timeout` of the SQLMeshResource."
    )
