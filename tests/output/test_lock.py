"""Two generations never work on one folder at a time, and nothing is left in it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.errors import UsageError
from dg_sqlmesh_codegen.output import lock
from dg_sqlmesh_codegen.output.apply import apply
from dg_sqlmesh_codegen.output.compare import Status, compare
from dg_sqlmesh_codegen.output.lock import exclusive
from trees import NEW, OLD, PACKAGE, contents, files, generate, ours, tree


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    cache = tmp_path / "cache"
    monkeypatch.setattr(lock, "user_cache_path", lambda name, appauthor: cache / name)
    return cache


def impatient(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter, in a thread as another process would, and fail if that has to wait."""
    monkeypatch.setattr(lock, "TIMEOUT_SECONDS", 0.1)
    raised: list[BaseException] = []

    def work() -> None:
        try:
            with exclusive(out):
                pass
        except UsageError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def test_a_second_generation_waits_and_says_for_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "defs"
    with exclusive(out):
        with pytest.raises(UsageError, match="another generation is writing") as caught:
            impatient(out, monkeypatch)
        assert "\n" not in str(caught.value)
        impatient(tmp_path / "other", monkeypatch)
    impatient(out, monkeypatch)


def test_a_link_to_the_folder_is_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "defs"
    out.mkdir()
    (tmp_path / "link").symlink_to(out)
    with exclusive(tmp_path / "link"), pytest.raises(UsageError):
        impatient(out, monkeypatch)


def test_nothing_is_left_in_the_output_folder(tmp_path: Path) -> None:
    out = tmp_path / "defs"
    with exclusive(out):
        assert not out.exists()
    out.mkdir()
    with exclusive(out):
        assert not list(out.iterdir())
    assert not list(out.iterdir())


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write_text("a file, so that no folder can be made in it, not even by root")
    with exclusive(tmp_path / "defs"):
        impatient(tmp_path / "defs", monkeypatch)


def test_a_user_without_a_home_gets_no_folder_named_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "user_cache_path", lambda name, appauthor: Path("~", ".cache", name))
    monkeypatch.chdir(tmp_path)
    with exclusive(tmp_path / "defs"):
        assert not list(tmp_path.iterdir())


@pytest.mark.process
def test_generations_at_once_leave_one_whole_package_of_theirs(tmp_path: Path) -> None:
    out = tmp_path / "defs"
    packages = [OLD, NEW, PACKAGE, OLD | NEW]
    generate(OLD, out)
    processes = [start(package, out) for package in packages]
    codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]
    assert codes == [0] * len(packages)
    wholes = [{path: ours(text).encode() for path, text in each.items()} for each in packages]
    assert contents(tree(out)) in wholes


def start(package: dict[str, str], out: Path) -> int:
    """Generate one package again and again, in a process of its own."""
    process = os.fork()
    if process:
        return process
    try:
        for _ in range(15):
            with exclusive(out):
                apply(compare(files(package), out), out)
                changes = compare(files(package), out)
                assert not list(out.rglob("*.tmp"))
            assert {change.status for change in changes} == {Status.UNCHANGED}
    except BaseException:  # noqa: BLE001 - nothing of pytest may go on in here
        os._exit(1)
    os._exit(0)
