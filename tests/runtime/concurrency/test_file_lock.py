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

from dg_sqlmesh_codegen.runtime.concurrency import file_lock
from dg_sqlmesh_codegen.runtime.concurrency.file_lock import LockHolder, LockUnusableError, hold
from dg_sqlmesh_codegen.runtime.errors import StateBusyError

HOLD = """
import sys
from pathlib import Path
from dg_sqlmesh_codegen.runtime.concurrency.file_lock import LockHolder, hold
with hold(Path(sys.argv[1]), LockHolder.here("other-run"), 0, lambda holder, waited: None):
    print("held", flush=True)
    sys.stdin.read()
"""


def no_wait(holder: LockHolder | None, waited: float) -> None:
    """Nothing to do while waiting."""


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
def test_a_second_process_learns_who_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "state.lock"
    with held_by_another_process(path) as holder:
        with (
            pytest.raises(StateBusyError) as caught,
            hold(path, LockHolder.here("mine"), 0, no_wait),
        ):
            pytest.fail("two holders at once")
        current = file_lock.read_holder(path)
        assert current is not None
        assert current.run_id == "other-run"
        assert current.pid == holder.pid
        assert current.since
        assert f"waited 0 seconds for run other-run (process {holder.pid} on " in str(caught.value)
        assert "`lock_timeout`" in str(caught.value)


@pytest.mark.process
def test_a_waiting_process_gets_the_lock_when_the_holder_releases_it(tmp_path: Path) -> None:
    path = tmp_path / "state.lock"
    with held_by_another_process(path) as other:
        seen: list[LockHolder | None] = []

        def waiting(holder: LockHolder | None, waited: float) -> None:
            seen.append(holder)
            assert other.stdin is not None
            other.stdin.close()

        with hold(path, LockHolder.here("mine"), 60, waiting):
            current = file_lock.read_holder(path)

    assert seen[0] is not None
    assert seen[0].run_id == "other-run"
    assert current is not None
    assert (current.run_id, current.pid) == ("mine", os.getpid())
    assert current.since >= seen[0].since
    assert file_lock.read_holder(path) is None


@pytest.mark.process
def test_the_lock_of_a_dead_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "state.lock"
    with held_by_another_process(path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        left_behind = file_lock.read_holder(path)
        with hold(path, LockHolder.here("mine"), 0, no_wait):
            current = file_lock.read_holder(path)

    assert left_behind is not None
    assert left_behind.run_id == "other-run"
    assert current is not None
    assert current.run_id == "mine"


def test_threads_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    path = tmp_path / "state.lock"
    inside = 0
    most = 0

    def work() -> None:
        nonlocal inside, most
        with hold(path, LockHolder.here("thread"), 60, no_wait):
            inside += 1
            most = max(most, inside)
            threading.Event().wait(0.02)
            inside -= 1

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == 1
    assert inside == 0


@pytest.mark.process
def test_an_error_of_waiting_ends_the_wait(tmp_path: Path) -> None:
    path = tmp_path / "state.lock"

    def waiting(holder: LockHolder | None, waited: float) -> None:
        raise KeyboardInterrupt

    with held_by_another_process(path):
        with pytest.raises(KeyboardInterrupt), hold(path, LockHolder.here("a"), 60, waiting):
            pytest.fail("two holders at once")
        with pytest.raises(StateBusyError), hold(path, LockHolder.here("b"), 0, no_wait):
            pytest.fail("two holders at once")


def test_an_error_of_the_holder_releases_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "state.lock"
    with pytest.raises(ValueError, match="boom"), hold(path, LockHolder.here("a"), 0, no_wait):
        raise ValueError("boom")
    with hold(path, LockHolder.here("b"), 0, no_wait):
        pass


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_all_users_of_the_host_can_use_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "state.lock"
    before = os.umask(0o077)
    try:
        with hold(path, LockHolder.here("a"), 0, no_wait):
            modes = [stat.S_IMODE(each.stat().st_mode) for each in sorted(path.parent.iterdir())]
    finally:
        os.umask(before)

    assert modes == [0o666, 0o666]
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o1777


def test_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with (
        pytest.raises(LockUnusableError, match="file"),
        hold(tmp_path / "file" / "state.lock", LockHolder.here("a"), 0, no_wait),
    ):
        pytest.fail("held without a lock file")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from dg_sqlmesh_codegen.runtime.concurrency.file_lock import LockHolder, hold, read_holder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # every write fails, as on a full disk
path = Path(sys.argv[1])
with hold(path, LockHolder.here("a"), 0, lambda holder, waited: None):
    assert read_holder(path) is None
    try:
        with hold(path, LockHolder.here("b"), 0, lambda holder, waited: None):
            raise SystemExit("two holders at once")
    except Exception as error:
        sys.stderr.write(f"{type(error).__name__}: {error}")
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process differ")
def test_the_lock_works_on_a_full_disk(tmp_path: Path) -> None:
    """The lock file is empty. Only the name of the holder is lost."""
    path = tmp_path / "state.lock"
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
    before = file_lock.shared_folder()
    monkeypatch.setenv("TMPDIR", "/somewhere/of/mine")
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")

    assert file_lock.shared_folder() == before
