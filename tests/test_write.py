"""Files reach the disk whole or not at all, and never over somebody else's."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dg_sqlmesh_codegen import write
from dg_sqlmesh_codegen.banner import BANNER
from dg_sqlmesh_codegen.errors import UsageError
from dg_sqlmesh_codegen.files import File
from dg_sqlmesh_codegen.write import Change, Status, apply
from packages import compare

if TYPE_CHECKING:
    from _typeshed import TraceFunction

Tree = dict[str, bytes | None]
P = ParamSpec("P")
R = TypeVar("R")

PACKAGE = {
    "__init__.py": "",
    "definitions.py": "defs = 1\n",
    "models/__init__.py": "MODELS = ()\n",
    "models/shop/__init__.py": "",
    "models/shop/orders.py": "model = 'orders'\n",
}


def ours(text: str = "") -> str:
    return f"{BANNER} Do not edit.\n{text}"


def files(package: dict[str, str]) -> tuple[File, ...]:
    return tuple(File(PurePosixPath(path), ours(text)) for path, text in package.items())


def put(folder: Path, package: dict[str, str]) -> None:
    for file in files(package):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.text.encode())


def generate(package: dict[str, str], out: Path) -> dict[str, Status]:
    changes = compare(files(package), out)
    apply(changes, out)
    return statuses(changes)


def statuses(changes: Sequence[Change]) -> dict[str, Status]:
    return {str(change.path): change.status for change in changes}


def tree(folder: Path) -> Tree:
    """Return every file's bytes, and None for every folder; byte code is a cache and no matter."""
    return {
        path.relative_to(folder).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix != ".pyc" and path.name != "__pycache__"
    }


def contents(tree: Tree) -> Tree:
    return {path: content for path, content in tree.items() if content is not None}


def identity(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_ino, status.st_mode


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "defs"


# ---- new, changed, unchanged


def test_a_new_package_is_written_into_a_new_folder(tmp_path: Path) -> None:
    out = tmp_path / "not" / "yet" / "defs"
    assert generate(PACKAGE, out) == dict.fromkeys(PACKAGE, Status.MISSING)
    assert contents(tree(out)) == {path: ours(text).encode() for path, text in PACKAGE.items()}


def test_comparing_writes_nothing(tmp_path: Path) -> None:
    put(tmp_path / "defs", {"models/shop/old.py": "", "definitions.py": "other"})
    before = tree(tmp_path)
    compare(files(PACKAGE), tmp_path / "defs")
    compare(files(PACKAGE), tmp_path / "other")
    assert tree(tmp_path) == before


def test_changes_are_sorted_by_path(out: Path) -> None:
    put(out, {"models/shop/a.py": "", "models/zoo/old.py": ""})
    changes = compare(files(dict(reversed(PACKAGE.items()))), out)
    paths = [change.path for change in changes]
    assert paths == sorted(paths)
    assert len(paths) == len(PACKAGE) + 2


def test_a_change_holds_what_is_and_what_should_be(out: Path) -> None:
    put(out, {"definitions.py": "old\n", "models/gone.py": "gone\n", "__init__.py": ""})
    new = {"definitions.py": "new\n", "__init__.py": "", "models/__init__.py": ""}
    assert compare(files(new), out) == (
        Change(PurePosixPath("__init__.py"), Status.UNCHANGED, ours(), ours()),
        Change(PurePosixPath("definitions.py"), Status.CHANGED, ours("old\n"), ours("new\n")),
        Change(PurePosixPath("models/__init__.py"), Status.MISSING, None, ours()),
        Change(PurePosixPath("models/gone.py"), Status.ORPHANED, ours("gone\n"), None),
    )


def test_unchanged_files_are_not_touched(out: Path) -> None:
    generate(PACKAGE, out)
    for path in out.rglob("*"):
        os.utime(path, ns=(1, 1_000_000_007))
    kept = {path: identity(out / path) for path in PACKAGE if path != "definitions.py"}
    assert generate(PACKAGE | {"definitions.py": "defs = 2\n"}, out) == {
        path: Status.CHANGED if path == "definitions.py" else Status.UNCHANGED for path in PACKAGE
    }
    assert {path: identity(out / path) for path in kept} == kept
    assert (out / "definitions.py").read_text() == ours("defs = 2\n")


def test_a_second_generation_changes_nothing_at_all(out: Path) -> None:
    generate(PACKAGE, out)
    before = {path: identity(path) for path in out.rglob("*")}
    assert set(generate(PACKAGE, out).values()) == {Status.UNCHANGED}
    assert {path: identity(path) for path in out.rglob("*")} == before


@pytest.mark.parametrize("content", [b"", b"# Generated by dg-sqlmesh-codegen."])
def test_less_text_is_a_change(out: Path, content: bytes) -> None:
    generate(PACKAGE, out)
    (out / "definitions.py").write_bytes(content)
    assert statuses(compare(files(PACKAGE), out))["definitions.py"] is Status.CHANGED
    generate(PACKAGE, out)
    assert (out / "definitions.py").read_bytes() == ours("defs = 1\n").encode()


def test_text_is_written_as_utf8_without_translation(out: Path) -> None:
    text = "größe = '数 🦆'\n# a\rb\r\n"
    generate({"definitions.py": text}, out)
    assert (out / "definitions.py").read_bytes() == ours(text).encode()


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_files_have_the_mode_that_an_editor_would_leave(out: Path, mask: int) -> None:
    previous = os.umask(mask)
    try:
        generate(PACKAGE, out)
        assert os.umask(mask) == mask
    finally:
        os.umask(previous)
    assert stat.S_IMODE((out / "definitions.py").stat().st_mode) == 0o666 & ~mask


# ---- orphans


def test_what_is_no_longer_generated_is_removed(out: Path) -> None:
    put(out, PACKAGE | {"models/shop/gone.py": "", "models/gone.py": ""})
    result = generate(PACKAGE, out)
    assert result["models/shop/gone.py"] is result["models/gone.py"] is Status.ORPHANED
    assert set(tree(out)) == {*PACKAGE, "models", "models/shop"}


def test_byte_code_and_empty_folders_go_with_it(out: Path) -> None:
    put(out, PACKAGE | {"models/old/deep/__init__.py": "", "models/old/deep/gone.py": ""})
    put(out, {"models/shop/gone.py": ""})
    cache = out / "models" / "old" / "deep" / "__pycache__"
    for name in ("__init__.cpython-311.pyc", "gone.cpython-311.pyc", "gone.cpython-312.opt-1.pyc"):
        cache.mkdir(exist_ok=True)
        (cache / name).touch()
    shop = out / "models" / "shop" / "__pycache__"
    shop.mkdir()
    for name in ("gone.cpython-311.pyc", "orders.cpython-311.pyc"):
        (shop / name).touch()
    generate(PACKAGE, out)
    assert not (out / "models" / "old").exists()
    assert [path.name for path in shop.iterdir()] == ["orders.cpython-311.pyc"]


def test_a_folder_with_something_else_in_it_stays(out: Path) -> None:
    put(out, PACKAGE | {"models/old/gone.py": "", "models/older/gone.py": ""})
    (out / "models" / "old" / "notes.txt").write_text("mine")
    (out / "models" / "older" / "__pycache__").mkdir()
    (out / "models" / "older" / "__pycache__" / "mine.cpython-311.pyc").touch()
    generate(PACKAGE, out)
    assert (out / "models" / "old" / "notes.txt").read_text() == "mine"
    assert (out / "models" / "older" / "__pycache__" / "mine.cpython-311.pyc").exists()
    assert not (out / "models" / "old" / "gone.py").exists()


def test_the_output_folder_itself_stays(out: Path) -> None:
    put(out, {"models/gone.py": ""})
    generate({}, out)
    assert out.is_dir()
    assert tree(out) == {}


def test_a_model_that_became_a_schema_and_back(out: Path) -> None:
    schema = PACKAGE | {"models/shop/orders/__init__.py": "", "models/shop/orders/eu.py": ""}
    del schema["models/shop/orders.py"]
    generate(PACKAGE, out)
    generate(schema, out)
    assert set(contents(tree(out))) == set(schema)
    generate(PACKAGE, out)
    assert set(tree(out)) == {*PACKAGE, "models", "models/shop"}


# ---- somebody else's files


def test_files_that_are_not_ours_are_left_alone(out: Path) -> None:
    foreign = {
        "models/shop/mine.py": "print('mine')\n",
        "models/shop/empty.py": "",
        "models/shop/data.csv": "a,b\n",
        "models/other/mine.py": f"\n{BANNER}\n",
        "notes.md": BANNER,
        "helpers.py": "x = 1\n",
    }
    for path, text in foreign.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text)
    kept = {path: identity(out / path) for path in foreign}
    assert set(generate(PACKAGE, out)) == set(PACKAGE)
    assert {path: identity(out / path) for path in foreign} == kept


@pytest.mark.parametrize("path", ["assets.py", "jobs/definitions.py", "jobs/models/orders.py"])
def test_only_the_package_is_looked_at(out: Path, path: str) -> None:
    """Another package of ours may live beside this one or below it."""
    put(out, {path: "elsewhere\n"})
    before = tree(out)
    assert path not in generate(PACKAGE, out)
    assert {name: text for name, text in tree(out).items() if name in before} == before


def test_a_package_below_another_is_not_its_orphan(out: Path) -> None:
    generate(PACKAGE, out)
    generate(PACKAGE, out / "second")
    assert set(statuses(compare(files(PACKAGE), out)).values()) == {Status.UNCHANGED}


@pytest.mark.parametrize("path", PACKAGE)
@pytest.mark.parametrize(
    "content", [b"x = 1\n", b"\n", b" " + BANNER.encode(), b"# Generated by dbt\n", b"\xff\xfe\x00"]
)
def test_a_file_in_the_way_is_refused_and_named(out: Path, path: str, content: bytes) -> None:
    (out / path).parent.mkdir(parents=True, exist_ok=True)
    (out / path).write_bytes(content)
    before = tree(out)
    with pytest.raises(UsageError, match="was not generated by this tool") as caught:
        compare(files(PACKAGE), out)
    assert str(out / path) in str(caught.value)
    assert caught.value.exit_code == 2
    assert tree(out) == before


@pytest.mark.parametrize("path", PACKAGE)
def test_an_empty_file_may_be_overwritten(out: Path, path: str) -> None:
    (out / path).parent.mkdir(parents=True, exist_ok=True)
    (out / path).touch()
    assert generate(PACKAGE, out)[path] is Status.CHANGED
    assert (out / path).read_text() == ours(PACKAGE[path])


def test_a_folder_in_the_way_of_a_file_is_refused(out: Path) -> None:
    (out / "definitions.py").mkdir(parents=True)
    with pytest.raises(UsageError, match="is a folder") as caught:
        compare(files(PACKAGE), out)
    assert str(out / "definitions.py") in str(caught.value)


@pytest.mark.parametrize("path", ["models", "models/shop"])
def test_a_file_in_the_way_of_a_folder_is_refused(out: Path, path: str) -> None:
    (out / path).parent.mkdir(parents=True)
    (out / path).write_text("mine")
    before = tree(out)
    with pytest.raises(UsageError) as caught:
        generate(PACKAGE, out)
    assert str(out / path) in str(caught.value)
    assert tree(out) == before


def test_a_link_that_leads_nowhere_is_somebodys(out: Path) -> None:
    out.mkdir()
    (out / "definitions.py").symlink_to(out / "nowhere.py")
    with pytest.raises(UsageError) as caught:
        generate(PACKAGE, out)
    assert "definitions.py" in str(caught.value)
    assert (out / "definitions.py").is_symlink()


# ---- diff


def diff(old: str | None, new: str | None) -> str:
    return "".join(Change(PurePosixPath("models/a.py"), Status.CHANGED, old, new).diff())


def test_the_diff_of_a_change() -> None:
    assert diff("a\nb\nc\n", "a\nB\nc\n") == (
        "--- a/models/a.py\n+++ b/models/a.py\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"
    )


def test_the_diff_of_a_new_file() -> None:
    assert diff(None, "a\n") == "--- /dev/null\n+++ b/models/a.py\n@@ -0,0 +1 @@\n+a\n"


def test_the_diff_of_an_orphan() -> None:
    assert diff("a\n", None) == "--- a/models/a.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"


def test_the_diff_of_an_empty_file() -> None:
    assert diff("", "a\n") == "--- a/models/a.py\n+++ b/models/a.py\n@@ -0,0 +1 @@\n+a\n"


def test_no_difference_no_diff() -> None:
    assert diff("a\n", "a\n") == ""


def test_a_file_without_a_last_line_break_does_not_run_into_the_next_line() -> None:
    # What `diff -u` prints, and what `patch` and `git apply` need.
    assert diff("a\nb", "a\nB\n") == (
        "--- a/models/a.py\n+++ b/models/a.py\n@@ -1,2 +1,2 @@\n a\n-b\n"
        "\\ No newline at end of file\n+B\n"
    )


@pytest.mark.parametrize("strange", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_only_a_line_break_ends_a_line_of_a_diff(strange: str) -> None:
    assert diff(f"a{strange}b\n", "c\n") == (
        f"--- a/models/a.py\n+++ b/models/a.py\n@@ -1 +1 @@\n-a{strange}b\n+c\n"
    )


# ---- interrupted or failed

OLD = {
    "__init__.py": "",
    "definitions.py": "defs = 1\n",
    "models/__init__.py": "MODELS = (1, 2)\n",
    "models/gone/__init__.py": "",
    "models/gone/one.py": "1",
    "models/gone/deep/two.py": "2",
    "models/shop/gone.py": "3",
    "models/shop/orders.py": "model = 'orders'\n",
}
NEW = {
    "__init__.py": "",
    "definitions.py": "defs = 2\n",
    "models/__init__.py": "MODELS = (1, 2, 3)\n",
    "models/fresh/__init__.py": "",
    "models/fresh/deep/one.py": "1",
    "models/shop/another.py": "3",
    "models/shop/orders.py": "model = 'orders'\n",
}
TOUCHING = ("chmod", "mkdir", "open", "remove", "rename", "replace", "rmdir", "unlink")


@dataclass
class Fault:
    """Raises an error at the n-th call that touches the disk, instead of its effect or after it."""

    error: BaseException
    at: int
    after: bool
    calls: int = 0
    place: str = ""

    def wrap(self, name: str, original: Callable[P, R]) -> Callable[P, R]:
        def touching(*args: P.args, **kwargs: P.kwargs) -> R:
            self.calls += 1
            if self.calls != self.at + 1:
                return original(*args, **kwargs)
            self.place = f"{name} {args[0]}"
            if self.after:
                _close(original(*args, **kwargs))
            raise self.error

        return touching


def _close(opened: object) -> None:
    if isinstance(opened, io.IOBase):
        opened.close()
    elif isinstance(opened, int):
        os.close(opened)


def old_package(folder: Path) -> Path:
    """Write the old package, with byte code, and return its folder."""
    out = folder / "defs"
    put(out, OLD)
    cache = out / "models" / "gone" / "__pycache__"
    cache.mkdir()
    (cache / "one.cpython-311.pyc").touch()
    return out


def new_tree(folder: Path) -> Tree:
    generate(NEW, folder / "new")
    return tree(folder / "new")


@pytest.mark.parametrize("after", [False, True], ids=["instead", "after"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failure_anywhere_leaves_the_old_package(
    tmp_path: Path, error: type[BaseException], after: bool
) -> None:
    new = contents(new_tree(tmp_path))
    torn = []
    for at in count():
        out = old_package(tmp_path / str(at))
        before = tree(out)
        fault = Fault(error(5, "injected"), at, after)
        if failed(partial(apply, compare(files(NEW), out), out), fault):
            whole = tree(out) == before
        else:  # got over: an empty folder that could not be removed is all there may be of it
            whole = contents(tree(out)) == new
        if not whole:
            torn.append(fault.place.replace(str(tmp_path), ""))
        if not fault.place:
            break
    assert at > 20
    assert tree(out) == tree(tmp_path / "new")
    assert not torn, torn


def failed(action: Callable[[], None], fault: Fault) -> bool:
    """Whether the action let the injected error through."""
    with pytest.MonkeyPatch.context() as patch:
        for name in TOUCHING:
            patch.setattr(os, name, fault.wrap(name, getattr(os, name)))
        patch.setattr(io, "open", fault.wrap("open", io.open))
        try:
            action()
        except type(fault.error):
            return True
        return False


# Leaving a `with` is a line, too; who is interrupted there leaves it to Python to close the file.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_an_interrupt_at_any_line_leaves_the_old_package_or_the_new_one(tmp_path: Path) -> None:
    """^C comes between two steps as likely as within one: here it comes at each line of ours."""
    new = contents(new_tree(tmp_path))
    torn = []
    for at in count():
        out = old_package(tmp_path / str(at))
        before = tree(out)
        place = interrupt(partial(apply, compare(files(NEW), out), out), at)
        # Whoever interrupts the tidying up, when all is written, may find an empty folder left.
        if tree(out) != before and contents(tree(out)) != new:
            torn.append(place)
        if not place:
            break
    assert at > 100
    assert tree(out) == tree(tmp_path / "new")
    assert not torn, torn


def interrupt(action: Callable[[], None], at: int) -> str:
    """Raise KeyboardInterrupt at the n-th line that write.py runs; say which line that was."""
    lines = 0
    place = ""

    def trace(frame: FrameType, event: str, arg: object) -> TraceFunction | None:
        nonlocal lines, place
        if frame.f_code.co_filename != write.__file__:
            return None
        if event == "line" and not place:
            lines += 1
            if lines > at:
                place = f"{frame.f_code.co_name}, line {frame.f_lineno}"
                raise KeyboardInterrupt
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            action()
    finally:
        sys.settrace(previous)
    return place


@pytest.mark.parametrize("path", sorted(set(NEW) - {"__init__.py", "models/shop/orders.py"}))
def test_a_full_disk_leaves_the_old_package(tmp_path: Path, path: str) -> None:
    out = old_package(tmp_path)
    before = tree(out)
    changes = compare(files(NEW | {path: "x" * 50_000}), out)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            apply(changes, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert tree(out) == before


def test_a_file_put_beside_ours_meanwhile_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "defs"
    changes = compare(files(NEW), out)

    def refuse(source: str, target: str) -> None:
        (out / "models" / "mine.txt").write_text("mine")
        raise OSError("no")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(OSError, match="no"):
            apply(changes, out)
    assert tree(out) == {"models": None, "models/mine.txt": b"mine"}


@pytest.mark.parametrize(
    "path", ["models/shop/another.py", "definitions.py", "models/shop/gone.py"]
)
def test_what_was_not_replaced_yet_is_not_restored(tmp_path: Path, path: str) -> None:
    """Somebody saves a file while we fail: it is not ours to delete or to take back."""
    out = old_package(tmp_path)
    changes = compare(files(NEW), out)

    original = os.replace

    def refuse(source: str, target: str) -> None:
        patch.setattr(os, "replace", original)
        (out / path).write_text("mine")
        raise OSError("no")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(OSError, match="no"):
            apply(changes, out)
    assert (out / path).read_text() == "mine"


def test_nothing_is_written_before_everything_is_staged(tmp_path: Path) -> None:
    out = old_package(tmp_path)
    seen: list[set[str]] = []
    original = os.replace

    def look(source: str, target: str) -> None:
        seen.append(set(contents(tree(out))))
        original(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", look)
        generate(NEW, out)
    changed = {path for path in NEW if NEW[path] != OLD.get(path)}
    assert len(seen) == len(changed)
    assert len(seen[0] - set(OLD)) >= len(changed)


# ---- any package over any other

FOLDERS = ("models", "models/a", "models/a/b")
PATHS = [f"{folder}/{name}.py" for folder in FOLDERS for name in ("__init__", "x", "y")]
paths = st.sampled_from(["__init__.py", "definitions.py", *PATHS])
packages = st.dictionaries(paths, st.sampled_from(["", "1\n", "2\n"]), max_size=8)


@settings(max_examples=60, deadline=None)
@given(packages, packages)
def test_whatever_was_there_the_new_package_is_all_there_is(
    old: dict[str, str], new: dict[str, str]
) -> None:
    with TemporaryDirectory() as folder:
        out = Path(folder) / "defs"
        generate(old, out)
        kept = {path: identity(out / path) for path in old if old[path] == new.get(path)}
        result = generate(new, out)
        made = contents(tree(out))
        assert made == {path: ours(text).encode() for path, text in new.items()}
        folders = {str(parent) for path in new for parent in PurePosixPath(path).parents}
        assert set(tree(out)) - set(made) == folders - {"."}
        assert {path: identity(out / path) for path in kept} == kept
        assert {path for path in new if result[path] is Status.UNCHANGED} == set(kept)
        assert set(result) == {*old, *new}
