"""The folder is the old or the new package, whatever signal or disk comes in between."""

from __future__ import annotations

import errno
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from types import FrameType

import pytest

from dg_sqlmesh_codegen.errors import UsageError
from dg_sqlmesh_codegen.output.compare import apply
from dg_sqlmesh_codegen.output.interrupts import interrupts
from faults import Fault, run
from packages import compare
from trees import NEW, contents, files, generate, new_tree, old_package, tree

TERMINATING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def _python_own_handlers() -> Iterator[None]:
    """Undo what another test's Dagster has installed: it takes SIGTERM for itself."""
    before = {number: signal.getsignal(number) for number in TERMINATING}
    for number in TERMINATING:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def update(out: Path) -> Callable[[], None]:
    return partial(apply, compare(files(NEW), out), out)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def in_a_process(action: Callable[[], object]) -> int:
    """Run it in a process of its own; return its exit code, minus the number of a signal."""
    process = os.fork()
    if not process:
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            action()
        except BaseException:  # noqa: BLE001 - nothing of pytest may go on in here
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_is_ended_anywhere_leaves_the_old_package_or_the_new_one(
    tmp_path: Path, number: signal.Signals
) -> None:
    new = contents(new_tree(tmp_path))
    seen = set()
    for at in count(-1):
        out = old_package(tmp_path / str(at))
        before = tree(out)
        fault = Fault(None, at, later=partial(send, number))
        code = in_a_process(partial(run, update(out), fault))
        whole = "old" if tree(out) == before else "new" if contents(tree(out)) == new else "torn"
        seen.add((whole, code))
        if code == 0:
            break
    assert at > 30
    # It ends as the sender expects; at the end, when all is written, it is too late to undo it.
    assert seen == {("old", -number), ("new", -number), ("new", 0)}


@pytest.mark.parametrize("signals", [TERMINATING[:1], [signal.SIGTERM, signal.SIGINT]])
def test_no_signal_stops_the_undoing(tmp_path: Path, signals: list[signal.Signals]) -> None:
    """An error comes first, then an impatient person or supervisor, again and again."""
    handled: list[int] = []

    def impatience() -> None:
        for number in signals:
            send(number)

    previous = signal.signal(signal.SIGTERM, lambda number, frame: handled.append(number))
    try:
        for at in range(60):
            out = old_package(tmp_path / str(at))
            before = tree(out)
            fault = Fault(OSError(errno.ENOSPC, "injected"), at, later=impatience)
            raised = run(update(out), fault)
            if not fault.place:
                break
            if fault.place.startswith(("unlink", "rmdir")) and raised is None:
                continue  # tidying up, when all was written
            assert tree(out) == before, fault.place
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert at > 20
    assert (signal.SIGTERM in handled) == (signal.SIGTERM in signals)


def test_a_disk_that_fails_for_good_is_said_to_have_left_half_a_package(tmp_path: Path) -> None:
    said = 0
    for at in count():
        out = old_package(tmp_path / str(at))
        before = contents(tree(out))
        error = OSError(errno.EROFS, "injected")
        fault = Fault(error, at, lasting=True)
        raised = run(update(out), fault)
        if raised is None:
            break
        left = contents(tree(out))
        package = {path: text for path, text in left.items() if not path.endswith(".tmp")}
        if isinstance(raised, UsageError):
            said += 1
            assert "the package is incomplete" in str(raised)
            named = set(re.findall(r"\S+\.py", str(raised)))
            # What cannot even be read any more may be as it was.
            for path in before.keys() | package.keys():
                assert str(out / path) in named or before.get(path) == package.get(path)
        else:
            assert raised is error
            assert package == before
    assert said


def test_undoing_on_a_full_disk_makes_room_first(tmp_path: Path) -> None:
    """The old files can be written again only when what was staged is gone."""
    out = old_package(tmp_path)
    before = tree(out)
    renamed = 0
    original = os.replace

    def fail_at_the_last(source: str, target: str) -> None:
        nonlocal renamed
        renamed += 1
        if renamed == 5:
            raise OSError(errno.EIO, "injected")
        if renamed > 5:
            # Nothing but what is being put back is there.
            assert len(list(out.rglob("*.tmp"))) == 1
        original(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", fail_at_the_last)
        with pytest.raises(OSError, match="injected"):
            update(out)()
    assert renamed == 6
    assert tree(out) == before


# ---- signals


@contextmanager
def handler(number: int, action: Callable[[int, FrameType | None], object] | int) -> Iterator[None]:
    previous = signal.signal(number, action)
    try:
        yield
    finally:
        signal.signal(number, previous)


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in TERMINATING]


def test_an_interrupt_becomes_a_keyboard_interrupt_and_handlers_are_put_back() -> None:
    before = handlers()
    steps = []

    def work() -> None:
        with interrupts():
            steps.append("before")
            send(signal.SIGINT)
            steps.append("after")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["before"]
    assert handlers() == before


def test_a_host_with_a_handler_of_its_own_is_told_afterwards() -> None:
    told: list[int] = []
    steps = []
    with handler(signal.SIGTERM, lambda number, frame: told.append(number)):
        with interrupts():
            send(signal.SIGTERM)
            send(signal.SIGTERM)
            steps.append(list(told))
        assert told == [signal.SIGTERM]
    assert steps == [[]]


def test_what_is_ignored_stays_ignored() -> None:
    with handler(signal.SIGHUP, signal.SIG_IGN), interrupts():
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        send(signal.SIGHUP)


def test_a_thread_is_left_alone() -> None:
    before = handlers()
    seen: list[list[object]] = []

    def work() -> None:
        with interrupts():
            seen.append(handlers())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


# ---- killed


def dead_process() -> int:
    process = os.fork()
    if not process:
        os._exit(0)
    os.waitpid(process, 0)
    return process


@pytest.mark.process
def test_what_a_killed_generation_left_is_removed(tmp_path: Path) -> None:
    out = old_package(tmp_path)

    def kill() -> None:
        send(signal.SIGKILL)

    # Somewhere among the renames: after the first of them, before the last.
    code = in_a_process(partial(run, update(out), Fault(None, 14, later=kill)))
    assert code == -signal.SIGKILL
    assert list(out.rglob("*.tmp"))
    generate(NEW, out)
    assert contents(tree(out)) == contents(new_tree(tmp_path))


@pytest.mark.process
@pytest.mark.parametrize("folder", ["", "models", "models/shop", "externals", "externals/shop/raw"])
def test_only_leftovers_of_dead_processes_are_removed(tmp_path: Path, folder: str) -> None:
    out = old_package(tmp_path)
    dead, own = dead_process(), os.getpid()
    leftovers = {out / folder / f".__init__.py.{process}.tmp" for process in (dead, own)}
    kept = {
        out / folder / f".__init__.py.{os.getppid()}.tmp",
        out / folder / ".__init__.py.tmp",
        out / folder / ".__init__.py.mine.tmp",
        out / folder / f"notes.{dead}.tmp",
        out / f".settings.py.{dead}.tmp",
        out / "other" / f".__init__.py.{dead}.tmp",
    }
    for path in leftovers | kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    compare(files(NEW), out)
    assert {path for path in leftovers if path.exists()} == leftovers
    generate(NEW, out)
    assert not [path for path in leftovers if path.exists()]
    assert {path for path in kept if path.exists()} == kept
