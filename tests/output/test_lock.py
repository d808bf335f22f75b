"""Two generations never work on one folder at a time."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.errors import UsageError
from dg_sqlmesh_codegen.output import lock
from dg_sqlmesh_codegen.output.apply import apply
from dg_sqlmesh_codegen.output.compare import Status, compare
from dg_sqlmesh_codegen.output.lock import exclusive
from trees import NEW, OLD, PACKAGE, contents, files, generate, ours, tree


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "locks" / "defs.lock"


def impatient(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter, in a thread as another process would, and fail if that has to wait."""
    monkeypatch.setattr(lock, "TIMEOUT_SECONDS", 0.1)
    with ThreadPoolExecutor() as pool:
        pool.submit(exclusive(Path("defs"), file).__enter__).result()


def test_a_second_generation_waits_and_says_for_what(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with exclusive(Path("defs"), file):
        with pytest.raises(UsageError, match=r"another generation is writing defs\. Wait"):
            impatient(file, monkeypatch)
        impatient(file.with_name("other"), monkeypatch)
    impatient(file, monkeypatch)


def test_a_cache_that_cannot_be_written_is_done_without(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file, so that no folder can be made in it, not even by root")
    with exclusive(Path("defs"), file):
        impatient(file, monkeypatch)


@pytest.mark.process
def test_generations_at_once_leave_one_whole_package_of_theirs(tmp_path: Path, file: Path) -> None:
    out = tmp_path / "defs"
    packages = [OLD, NEW, PACKAGE, OLD | NEW]
    generate(OLD, out)
    processes = [start(package, out, file) for package in packages]
    codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]
    assert codes == [0] * len(packages)
    wholes = [{path: ours(text).encode() for path, text in each.items()} for each in packages]
    assert contents(tree(out)) in wholes


def start(package: dict[str, str], out: Path, file: Path) -> int:
    """Generate one package again and again, in a process of its own."""
    process = os.fork()
    if process:
        return process
    try:
        for _ in range(15):
            with exclusive(out, file):
                apply(compare(files(package), out), out)
                changes = compare(files(package), out)
                assert not list(out.rglob("*.tmp"))
            assert {change.status for change in changes} == {Status.UNCHANGED}
    except BaseException:  # noqa: BLE001 - nothing of pytest may go on in here
        os._exit(1)
    os._exit(0)
