"""Changes reach the disk in an order in which the package imports at every moment."""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import stat
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dg_sqlmesh_codegen.output.compare import Status
from dg_sqlmesh_codegen.rendering.header import MARK
from faults import Fault, run
from trees import NEW, OLD, PACKAGE, contents, generate, new_tree, old_package, ours, put, tree


def identity(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_ino, status.st_mode


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "defs"


def test_a_new_package_is_written_into_a_new_folder(tmp_path: Path) -> None:
    out = tmp_path / "not" / "yet" / "defs"
    assert generate(PACKAGE, out) == dict.fromkeys(PACKAGE, Status.MISSING)
    assert contents(tree(out)) == {path: ours(text).encode() for path, text in PACKAGE.items()}


def test_unchanged_files_are_not_touched(out: Path) -> None:
    generate(PACKAGE, out)
    for path in out.rglob("*"):
        os.utime(path, ns=(1, 1_000_000_007))
    everything = {path: identity(path) for path in out.rglob("*")}
    assert set(generate(PACKAGE, out).values()) == {Status.UNCHANGED}
    assert {path: identity(path) for path in out.rglob("*")} == everything
    kept = {path: identity(out / path) for path in PACKAGE if path != "definitions.py"}
    assert generate(PACKAGE | {"definitions.py": "defs = 2\n"}, out) == {
        path: Status.CHANGED if path == "definitions.py" else Status.UNCHANGED for path in PACKAGE
    }
    assert {path: identity(out / path) for path in kept} == kept
    assert (out / "definitions.py").read_text() == ours("defs = 2\n")


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


def test_files_that_are_not_ours_are_left_alone(out: Path) -> None:
    foreign = {
        "models/shop/mine.py": "print('mine')\n",
        "models/shop/empty.py": "",
        "models/shop/data.csv": "a,b\n",
        "models/other/mine.py": f"\n{MARK}\n",
        "notes.md": MARK,
        "helpers.py": "x = 1\n",
    }
    for path, text in foreign.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text)
    kept = {path: identity(out / path) for path in foreign}
    assert set(generate(PACKAGE, out)) == set(PACKAGE)
    assert {path: identity(out / path) for path in foreign} == kept


# ---- interrupted or failed

ERRORS = [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")]


@pytest.mark.parametrize("error", ERRORS, ids=["interrupt", "full disk"])
def test_whatever_fails_the_next_generation_completes_it(
    error: BaseException, tmp_path: Path
) -> None:
    expected = contents(new_tree(tmp_path))
    texts = {path: {ours(each.get(path, "")).encode() for each in (OLD, NEW)} for path in OLD | NEW}
    for at in count():
        folder = tmp_path / str(at)
        folder.mkdir()
        out = old_package(folder)
        fault = Fault(error, at)
        raised = run(partial(_generate, out), fault)
        for path, text in contents(tree(out)).items():
            assert text in texts[path], fault.place
        _generate(out)
        assert contents(tree(out)) == expected, fault.place
        if raised is None and fault.calls <= at:
            break


def _generate(out: Path) -> None:
    generate(NEW, out)


def test_a_disk_that_is_full_from_the_start_changes_no_file(tmp_path: Path) -> None:
    out = old_package(tmp_path)
    before = contents(tree(out))
    full = OSError(errno.ENOSPC, "No space left on device")
    original = Path.write_bytes

    def write(path: Path, data: bytes) -> int:
        if path.parent.name == "shop":  # the last that is staged
            original(path, data[:1])
            raise full
        return original(path, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "write_bytes", write)
        with pytest.raises(OSError, match="No space left"):
            generate(NEW, out)
    assert contents(tree(out)) == before


def test_what_a_killed_generation_left_is_removed(out: Path) -> None:
    generate(PACKAGE, out)
    left = [out / ".definitions.py.dg-sqlmesh-codegen.tmp"]
    left.append(out / "models" / "shop" / ".old.py.dg-sqlmesh-codegen.tmp")
    for path in left:
        path.write_text("half")
    generate(PACKAGE, out)
    assert not any(path.exists() for path in left)


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


def test_the_package_can_be_imported_between_any_two_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a `kill -9` leaves, and what a code server sees that reloads at this very moment."""
    monkeypatch.syspath_prepend(str(tmp_path))
    out = tmp_path / "defs"
    moments = count()

    def looking(original: Callable[..., None]) -> Callable[..., None]:
        def touch(*paths: Path) -> None:
            original(*paths)
            moment = shutil.copytree(out, tmp_path / f"moment_{next(moments)}")
            importlib.import_module(f"{moment.name}.definitions")

        return touch

    generate(importable("kept", "old", version=1), out)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("replace", "unlink"):
            patch.setattr(os, name, looking(getattr(os, name)))
        generate(importable("fresh", "kept", version=2), out)
    assert set((out / "models").glob("*.py")) == {
        out / "models" / name for name in ("__init__.py", "fresh.py", "kept.py")
    }
    assert next(moments) == 5  # four files that are new or changed, and one that goes


def importable(*models: str, version: int) -> dict[str, str]:
    """Return a package that imports a module per model."""
    imports = "".join(f"from .{name} import model as {name}\n" for name in models)
    return {
        "definitions.py": f"from .models import MODELS\nversion = {version}\n",
        "models/__init__.py": f"{imports}MODELS = [{', '.join(models)}]\n",
        **{f"models/{name}.py": f"model = {version}\n" for name in models},
    }


# ---- any package over any other

FOLDERS = ("models", "models/a", "models/a/b")
PATHS = [f"{folder}/{name}.py" for folder in FOLDERS for name in ("__init__", "x", "y")]
paths = st.sampled_from(["__init__.py", "definitions.py", *PATHS])
packages = st.dictionaries(paths, st.sampled_from(["", "1\n", "2\n"]), max_size=8)


SCHEMA = {path: "" for path in PACKAGE if path != "models/shop/orders.py"}
SCHEMA |= {"models/shop/orders/__init__.py": "", "models/shop/orders/eu.py": ""}


@settings(max_examples=60, deadline=None)
@given(packages, packages)
@example(PACKAGE | {"models/shop/gone.py": "", "models/gone.py": ""}, PACKAGE)
@example({"models/gone.py": ""}, {})
@example(PACKAGE, SCHEMA)  # a model became a schema
@example(SCHEMA, PACKAGE)
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
        gone = {path for path, status in result.items() if status is Status.ORPHANED}
        assert gone == set(old) - set(new)
        assert out.is_dir() or not old
