"""The lock file, with real processes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.runtime.concurrency import state_lock
from dg_sqlmesh_codegen.runtime.concurrency.state_lock import LockRequest, hold_state, read_holder
from dg_sqlmesh_codegen.runtime.errors import StateBusyError
from dg_sqlmesh_codegen.runtime.events import Emit, Event
from dg_sqlmesh_codegen.runtime.run_target import Locking

HOLD = """
import sys
from pathlib import Path
from dg_sqlmesh_codegen.runtime.concurrency.state_lock import LockRequest, hold_state
from dg_sqlmesh_codegen.runtime.run_target import Locking
with hold_state(Path(sys.argv[1]), LockRequest("other-run", Locking(timeout_seconds=0))):
    print("held", flush=True)
    sys.stdin.read()
"""


def request(run_id: str = "mine", timeout: float = 0, emit: Emit = lambda _: None) -> LockRequest:
    return LockRequest(run_id, Locking(timeout_seconds=timeout), emit)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "locks" / "state.lock"


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
def test_a_second_process_learns_who_holds_the_lock(path: Path) -> None:
    with held_by_another_process(path) as holder:
        with pytest.raises(StateBusyError) as caught, hold_state(path, request()):
            pytest.fail("two holders at once")
        current = read_holder(path)

    assert current is not None
    assert (current.run_id, current.pid) == ("other-run", holder.pid)
    assert current.since
    assert f"waited 0 seconds for run other-run (process {holder.pid} on " in str(caught.value)
    assert "`lock_timeout`" in str(caught.value)


@pytest.mark.process
def test_a_waiting_process_gets_the_lock_when_the_holder_releases_it(path: Path) -> None:
    with held_by_another_process(path) as other:
        seen: list[Event] = []

        def emit(event: Event) -> None:
            seen.append(event)
            assert other.stdin is not None
            other.stdin.close()

        before = read_holder(path)
        with hold_state(path, request(timeout=60, emit=emit)):
            current = read_holder(path)

    assert "Waiting for run other-run" in str(seen)
    assert before is not None
    assert current is not None
    assert (current.run_id, current.pid) == ("mine", os.getpid())
    assert current.since >= before.since
    assert read_holder(path) is None


@pytest.mark.process
def test_the_lock_of_a_dead_process_is_free(path: Path) -> None:
    with held_by_another_process(path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        left_behind = read_holder(path)
        with hold_state(path, request()):
            current = read_holder(path)

    assert left_behind is not None
    assert left_behind.run_id == "other-run"
    assert current is not None
    assert current.run_id == "mine"


def test_threads_of_one_process_exclude_each_other(path: Path) -> None:
    inside = 0
    most = 0

    def work() -> None:
        nonlocal inside, most
        with hold_state(path, request(timeout=60)):
            inside += 1
            most = max(most, inside)
            threading.Event().wait(0.02)
            inside -= 1

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (most, inside) == (1, 0)


@pytest.mark.process
def test_an_error_during_the_wait_ends_it(path: Path) -> None:
    def emit(event: Event) -> None:
        raise KeyboardInterrupt

    with held_by_another_process(path):
        with pytest.raises(KeyboardInterrupt), hold_state(path, request(timeout=60, emit=emit)):
            pytest.fail("two holders at once")
        with pytest.raises(StateBusyError), hold_state(path, request()):
            pytest.fail("two holders at once")


def test_an_error_of_the_holder_releases_the_lock(path: Path) -> None:
    with pytest.raises(ValueError, match="boom"), hold_state(path, request()):
        raise ValueError("boom")
    with hold_state(path, request()):
        pass


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_all_users_of_the_host_can_use_the_lock(path: Path) -> None:
    before = os.umask(0o077)
    try:
        with hold_state(path, request()):
            modes = [stat.S_IMODE(each.stat().st_mode) for each in sorted(path.parent.iterdir())]
    finally:
        os.umask(before)

    assert modes == [0o666, 0o666]
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o1777


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from dg_sqlmesh_codegen.runtime.concurrency.state_lock import LockRequest, hold_state, read_holder
from dg_sqlmesh_codegen.runtime.run_target import Locking
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # every write fails, as on a full disk
path = Path(sys.argv[1])
with hold_state(path, LockRequest("a", Locking(timeout_seconds=0))):
    assert read_holder(path) is None
    try:
        with hold_state(path, LockRequest("b", Locking(timeout_seconds=0))):
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
        "Try again later, or increase `lock_timeout` of the `sqlmesh` resource."
    )


def test_the_shared_folder_is_the_same_for_every_user(monkeypatch: pytest.MonkeyPatch) -> None:
    before = state_lock.shared_folder()
    monkeypatch.setenv("TMPDIR", "/somewhere/of/mine")
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")

    assert state_lock.shared_folder() == before
