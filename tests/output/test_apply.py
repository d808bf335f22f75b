"""Changes reach the disk in an order in which the package imports at every moment."""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dg_sqlmesh_codegen.output.compare import Status
from dg_sqlmesh_codegen.rendering.header import MARK
from trees import NEW, OLD, PACKAGE, contents, generate, ours, put, tree


def identity(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_ino, status.st_mode


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "defs"


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


def test_empty_folders_go_with_it(out: Path) -> None:
    gone = ["models/old/deep/__init__.py", "models/old/deep/gone.py", "models/kept/gone.py"]
    put(out, PACKAGE | dict.fromkeys(gone, ""))
    (out / "models" / "kept" / "notes.txt").touch()
    generate(PACKAGE, out)
    assert {*contents(tree(out))} == {*PACKAGE, "models/kept/notes.txt"}
    assert not (out / "models" / "old").exists()


def test_a_folder_that_is_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "elsewhere" / "deep", tmp_path / "link"
    real.mkdir(parents=True)
    link.symlink_to(real)
    put(real, PACKAGE | {"models/gone.py": ""})
    generate(PACKAGE, link)
    assert link.is_symlink()
    assert {*contents(tree(real))} == {*PACKAGE}


def test_other_files_are_left_alone(out: Path) -> None:
    """Also those of another package of ours, beside this one or below it."""
    foreign = {
        "models/shop/mine.py": "print('mine')\n",
        "models/shop/empty.py": "",
        "models/shop/data.csv": "a,b\n",
        "models/other/mine.py": f"\n{MARK}\n",
        "notes.md": MARK,
        "helpers.py": "x = 1\n",
        "assets.py": ours("elsewhere\n"),
        "jobs/models/orders.py": ours("elsewhere\n"),
        **{f"second/{path}": ours(text) for path, text in PACKAGE.items()},
    }
    for path, text in foreign.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text)
    kept = {path: identity(out / path) for path in foreign}
    assert set(generate(PACKAGE, out)) == set(PACKAGE)
    assert {path: identity(out / path) for path in foreign} == kept


# ---- interrupted or failed

TOUCHING = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}


@dataclass
class Fault:
    """Raises an error at the n-th call that touches the disk below a folder."""

    error: BaseException
    folder: Path
    at: int
    calls: list[str] = field(default_factory=list)

    def strike(self, event: str, arguments: tuple[object, ...]) -> None:
        path, mode = str(arguments[0]), arguments[1:2]
        if event not in TOUCHING or not path.startswith(str(self.folder)) or mode == ("r",):
            return
        self.calls.append(event)
        if len(self.calls) == self.at:
            if mode == ("w",):
                Path(path).touch()  # it is written no further
            raise self.error


faults: list[Fault] = []
sys.addaudithook(lambda event, arguments: faults[0].strike(event, arguments) if faults else None)
ERRORS = [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")]


@pytest.mark.parametrize("error", ERRORS, ids=["interrupt", "full disk"])
def test_whatever_fails_the_next_generation_completes_it(
    error: BaseException, tmp_path: Path
) -> None:
    generate(NEW, tmp_path / "new")
    expected = contents(tree(tmp_path / "new"))
    texts = {path: {ours(each.get(path, "")).encode() for each in (OLD, NEW)} for path in OLD | NEW}
    texts["audits.py"].add(f"{ours(OLD['audits.py'])}\n{ours(NEW['audits.py'])}".encode())
    for at in count(1):
        out = tmp_path / str(at)
        put(out, OLD)
        fault = Fault(error, out, at)
        faults.append(fault)
        with suppress(type(error)):
            generate(NEW, out)
        faults.clear()
        left = {path: text for path, text in contents(tree(out)).items() if ".tmp" not in path}
        assert [path for path, text in left.items() if text not in texts[path]] == []
        if "os.rename" not in fault.calls:  # all is written before a file takes its place
            assert left == {path: ours(text).encode() for path, text in OLD.items()}
        generate(NEW, out)
        assert contents(tree(out)) == expected
        if len(fault.calls) < at:
            break
    assert at > len(NEW)


def test_what_a_killed_generation_left_is_removed(out: Path) -> None:
    generate(PACKAGE, out)
    left = [out / ".definitions.py.dg-sqlmesh-codegen.tmp"]
    left.append(out / "models" / "shop" / ".old.py.dg-sqlmesh-codegen.tmp")
    for path in left:
        path.write_text("half")
    generate(PACKAGE, out)
    assert not any(path.exists() for path in left)


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
    # Four files that are new or changed, `audits.py` twice, and one that goes.
    assert next(moments) == 7


def importable(*models: str, version: int) -> dict[str, str]:
    """Return a package that imports a module per model."""
    imports = "".join(f"from .{name} import model as {name}\n" for name in models)
    return {
        "audits.py": f"AUDIT_{version} = {version}\n",
        "definitions.py": f"from .models import MODELS\nversion = {version}\n",
        "models/__init__.py": f"{imports}MODELS = [{', '.join(models)}]\n",
        **{
            f"models/{name}.py": f"from .. import audits\nmodel = audits.AUDIT_{version}\n"
            for name in models
        },
    }


# ---- any package over any other

FOLDERS = ("models", "models/a", "models/a/b")
PATHS = [f"{folder}/{name}.py" for folder in FOLDERS for name in ("__init__", "x", "y")]
paths = st.sampled_from(["__init__.py", "audits.py", "definitions.py", *PATHS])
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
        out = Path(folder) / "not" / "yet" / "defs"
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
