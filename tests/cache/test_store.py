"""The record's file: damaged, forged, or in a place that cannot be written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import platformdirs
import pytest

from dg_sqlmesh_codegen.cache import store
from dg_sqlmesh_codegen.cache.inputs import Inputs
from dg_sqlmesh_codegen.rendering.files import Contents, File, Rendered

FILE = File(PurePosixPath("models/a.py"), "a = 1\n")
PACKAGE = {FILE.path: FILE.text}
CONTENTS = Contents(1, 2, 3, (("UTC", ("0 0 * * *",)),), ("a warning",))
INPUTS = Inputs("shared", {"models/a.sql": "digest"})

pytestmark = pytest.mark.sqlmesh


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(store.FOLDER, str(tmp_path / "records"))
    return tmp_path / "defs"


def write(out: Path) -> Path:
    store.write(out, INPUTS, Rendered((FILE,), CONTENTS))
    return store.location(out)


def test_what_is_written_is_read(out: Path) -> None:
    path = write(out)
    record = store.read(out)
    assert record
    assert (record.inputs, record.contents) == (INPUTS, CONTENTS)
    assert record.output == store.digest(PACKAGE)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [path] == list(path.parent.iterdir())
    assert store.read(out.with_name("other")) is None


def test_line_endings_are_gits_business() -> None:
    assert store.digest({FILE.path: FILE.text.replace("\n", "\r\n")}) == store.digest(PACKAGE)
    assert store.digest({FILE.path: "a = 2\n"}) != store.digest(PACKAGE)
    assert store.digest({}) != store.digest(PACKAGE)


def changed(text: str, **keys: object) -> str:
    return json.dumps({**json.loads(text), **keys})


BROKEN: dict[str, Callable[[str], str]] = {
    "nothing": lambda text: "",
    "half of it": lambda text: text[: len(text) // 2],
    "another kind": lambda text: "[]",
    "a wrong type deep inside": lambda text: text.replace('"0 0 * * *"', "[]"),
    "another key": lambda text: changed(text, files={"../escaped.py": "import os"}),
    "deep JSON": lambda text: "[" * 100_000,
    "the format of 0.1.0": lambda text: "digest\n{}",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_record_is_no_record(name: str, out: Path) -> None:
    path = write(out)
    path.write_text(BROKEN[name](path.read_text(encoding="utf-8")), encoding="utf-8")
    assert store.read(out) is None
    write(out)
    assert store.read(out)


def test_a_folder_that_cannot_be_written(out: Path, tmp_path: Path) -> None:
    (tmp_path / "records").write_text("a file")
    write(out)
    assert store.read(out) is None
    assert store.sqlmesh_cache(out, INPUTS, None) is None


def test_a_record_that_somebody_else_can_change_is_replaced(out: Path) -> None:
    write(out).chmod(0o666)  # what else is not read: tests/test_private_files.py
    assert store.read(out) is None
    path = write(out)
    assert store.read(out)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_somebody_else_can_change_is_not_used(out: Path) -> None:
    """SQLMesh would load pickles from it."""
    folder = write(out).parent
    assert store.sqlmesh_cache(out, INPUTS, None)
    folder.chmod(0o777)

    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert store.read(out) is None
    assert store.sqlmesh_cache(out, INPUTS, None) is None
    write(out)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_user_without_a_home_gets_no_folder_named_tilde(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(store.FOLDER)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: Path("~", ".cache"))
    monkeypatch.chdir(tmp_path)
    write(out)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("later", "models", "kept"),
    [
        (True, {"a.sql": "1"}, True),
        (True, {"a.sql": "2"}, True),
        (False, {"a.sql": "1"}, True),
        (False, {"a.sql": "2"}, False),  # changed, and older than the record
        (False, {}, True),
    ],
)
def test_a_time_that_hides_a_change(
    later: bool, models: dict[str, str], kept: bool, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(out.parent)
    store.write(out, Inputs("shared", {"a.sql": "1"}), Rendered((), CONTENTS))
    Path("a.sql").touch()
    os.utime("a.sql", ns=(0, store.location(out).stat().st_mtime_ns + later))
    (store.location(out).with_suffix("") / "shared").mkdir(parents=True)

    folder = store.sqlmesh_cache(out, Inputs("shared", models), store.read(out))
    assert folder
    assert folder.exists() == kept
