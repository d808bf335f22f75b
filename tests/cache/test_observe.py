"""What a load touches, whatever it is touched with."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cache.observe import Seen, observed


def seen(touch: Callable[[], object]) -> Seen:
    with observed() as found:
        touch()
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a file.txt"
    path.write_text("x")
    return path


def descriptor(path: Path) -> None:
    os.close(os.open(path, os.O_RDONLY))


@pytest.mark.parametrize(
    "read",
    [
        lambda path: path.read_text(),
        lambda path: open(os.fsencode(path)).close(),  # noqa: PTH123
        lambda path: open(os.path.relpath(path)).close(),  # noqa: PTH123
        lambda path: open(path, "r+").close(),  # noqa: PTH123
        descriptor,
    ],
)
def test_a_file_that_is_read(read: Callable[[Path], object], file: Path) -> None:
    assert str(file) in seen(lambda: read(file)).files


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """It may be there the next time."""

    def try_to_read() -> None:
        with pytest.raises(FileNotFoundError):
            (tmp_path / "none").read_text()

    assert str(tmp_path / "none") in seen(try_to_read).files


def test_a_file_that_is_written_first_is_no_input(tmp_path: Path) -> None:
    def write_and_read() -> None:
        (tmp_path / "new").write_text("x")
        (tmp_path / "new").read_text()

    found = seen(write_and_read)
    assert str(tmp_path / "new") in found.written - found.files


def test_a_folder_that_is_listed(tmp_path: Path) -> None:
    assert str(tmp_path) in seen(lambda: list(tmp_path.glob("*.sql"))).folders
    assert str(tmp_path) in seen(lambda: os.listdir(tmp_path)).folders  # noqa: PTH208


def import_it() -> None:
    importlib.import_module("a_module_of_a_test")
    del sys.modules["a_module_of_a_test"]


def test_a_module_is_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "a_module_of_a_test.py"
    source.write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    first, second = (seen(import_it) for _ in range(2))  # from its source, from its byte code

    assert str(source) in first.files & second.files
    assert str(tmp_path) in first.imports


def read_in_a_fork(path: Path) -> None:
    path.read_text()
    os.environ.get("SHOP_IN_A_FORK")


@pytest.mark.process
def test_a_forked_process_is_heard(file: Path) -> None:
    """SQLMesh loads models in forks of its process."""

    def fork() -> None:
        process = multiprocessing.get_context("fork").Process(target=read_in_a_fork, args=(file,))
        process.start()
        process.join()
        assert process.exitcode == 0

    found = seen(fork)
    assert str(file) in found.files
    assert "SHOP_IN_A_FORK" in found.names


def test_installed_software_is_not_looked_into() -> None:
    found = seen(lambda: [Path(os.__file__).read_text(), Path(pytest.__file__).read_text()])

    assert found.files == set()


def test_nothing_is_heard_before_and_after(file: Path) -> None:
    file.read_text()
    found = seen(lambda: None)
    file.read_text()

    assert str(file) not in found.files
