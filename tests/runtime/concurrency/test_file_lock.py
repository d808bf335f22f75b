"""Where a lock file lies, and what other users of the host can do to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.runtime.concurrency.file_lock import StateFileLock, lock_file
from dg_sqlmesh_codegen.runtime.concurrency.locks import LockRequest
from dg_sqlmesh_codegen.runtime.run_target import Locking

REQUEST = LockRequest("run-1", Locking())
OTHER_USER = 40_001


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the user's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    runtime = tmp_path / "runtime"
    runtime.mkdir(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    return tmp_path / "state" / "dg-sqlmesh-codegen"


@pytest.mark.parametrize(
    ("mode", "is_beside"), [(0o700, True), (0o755, True), (0o775, False), (0o1777, False)]
)
def test_the_lock_of_a_database_file(own: Path, tmp_path: Path, mode: int, is_beside: bool) -> None:
    database = tmp_path / "warehouse" / "shop.duckdb"
    database.parent.mkdir()
    database.parent.chmod(mode)

    beside, in_own_folder = database.with_name(".shop.duckdb.lock"), own / "key.lock"
    assert lock_file(database, "key", None) == (beside if is_beside else in_own_folder)
    assert own.exists() != is_beside
    assert lock_file(None, "key", None) == in_own_folder
    assert own.stat().st_mode & 0o777 == 0o700


def test_a_folder_of_another_user(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.mkdir(parents=True)
    monkeypatch.setattr(os, "geteuid", lambda: OTHER_USER)

    with pytest.raises(OSError, match=f"{own} belongs to another user; "):
        lock_file(tmp_path / "shop.duckdb", "key", None)


def test_a_link_in_place_of_the_own_folder(own: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(0o755)
    own.parent.mkdir()
    own.symlink_to(victim)

    assert lock_file(None, "key", None).parent == tmp_path / "runtime" / own.name
    assert victim.stat().st_mode & 0o777 == 0o755


def test_the_configured_folder(tmp_path: Path) -> None:
    folder = tmp_path / "locks"
    assert lock_file(None, "key", str(folder)) == folder / "key.lock"
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o1777)
    with pytest.raises(PermissionError, match=f"every user of this host can write to {folder}"):
        lock_file(None, "key", str(folder))


def test_links_and_fifos_in_place_of_the_files(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious", encoding="utf-8")
    victim.chmod(0o600)
    lock = StateFileLock(tmp_path / "state.lock")
    holder = tmp_path / "state.holder"

    (tmp_path / "state.lock").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        lock.acquire(REQUEST)
    (tmp_path / "state.lock").unlink()
    holder.symlink_to(victim)
    assert lock.holder() is None
    assert lock.acquire(REQUEST)
    lock.release()
    os.mkfifo(holder)
    assert lock.holder() is None  # and it does not wait for a writer
    assert lock.acquire(REQUEST)
    assert "run run-1" in str(lock.holder())
    assert holder.stat().st_mode & 0o777 == 0o600
    lock.release()

    assert victim.read_text(encoding="utf-8") == "precious"
    assert victim.stat().st_mode & 0o777 == 0o600
    assert not holder.exists()


# Becomes another user after all imports: that user may not read our Python.
AS_USER = """
import os, sys, tempfile
from pathlib import Path
from dg_sqlmesh_codegen.runtime.concurrency.file_lock import StateFileLock, lock_file
from dg_sqlmesh_codegen.runtime.concurrency.locks import LockRequest
from dg_sqlmesh_codegen.runtime.run_target import Locking
warm_up = StateFileLock(Path(tempfile.mkdtemp(), "warm-up.lock"))
warm_up.acquire(LockRequest("", Locking()))
warm_up.release()
os.setgroups([40000])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
lock = StateFileLock(lock_file(None, "key", sys.argv[2]))
print(lock.acquire(LockRequest("", Locking())), flush=True)
sys.stdin.read()
"""


@pytest.mark.process
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two other users")
def test_two_users_share_a_folder_of_their_group() -> None:
    folder = Path(tempfile.mkdtemp())  # pytest's folder is closed to other users
    os.chown(folder, -1, 40_000)
    folder.chmod(0o2770)

    def start(user: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", AS_USER, str(user), str(folder)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def taken(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    answers = []
    with start(OTHER_USER) as first:
        answers.append(taken(first))
        with start(OTHER_USER + 1) as second:
            answers.append(taken(second))
            second.kill()
        first.kill()
    with start(OTHER_USER + 1) as again:
        answers.append(taken(again))
        again.kill()

    assert answers == ["True", "False", "True"]
    assert (folder / "key.lock").stat().st_uid == OTHER_USER
    shutil.rmtree(folder)
