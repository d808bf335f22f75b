"""Files of this user alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dg_sqlmesh_codegen import private_files


def test_a_file_is_written_and_read(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    private_files.make_private(folder)
    private_files.write(folder / "file", b"one")
    private_files.write(folder / "file", b"two")

    assert private_files.read(folder / "file") == b"two"
    assert [(each.name, each.stat().st_mode & 0o777) for each in folder.iterdir()] == [
        ("file", 0o600)
    ]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_an_open_folder_is_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    private_files.make_private(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert private_files.is_private(tmp_path)

    tmp_path.chmod(0o777)
    assert private_files.everybody_writes(tmp_path)
    assert not private_files.is_private(tmp_path)
    with pytest.raises(PermissionError, match="other users can write"):
        private_files.make_private(tmp_path)
    with pytest.raises(PermissionError, match="other users can replace"):
        private_files.make_private(tmp_path / "a")
    tmp_path.chmod(0o1777)  # as /tmp
    private_files.make_private(tmp_path / "a")


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "open", "foreign"])
def test_what_is_not_read(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").write_bytes(b"{}")
    file = tmp_path / "file"
    match kind:
        case "link":
            file.symlink_to(tmp_path / "elsewhere")
        case "fifo":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case "open":
            file.touch()
            file.chmod(0o666)
        case _:
            file.write_bytes(b"{}")
            monkeypatch.setattr(os, "geteuid", lambda: 40_001)

    with pytest.raises(OSError, match=str(file)):
        private_files.read(file)


def test_a_folder_that_is_a_link_or_foreign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(NotADirectoryError, match="is a link"):
        private_files.make_private(tmp_path / "link")
    monkeypatch.setattr(os, "geteuid", lambda: 40_001)
    with pytest.raises(PermissionError, match="belongs to another user"):
        private_files.make_private(tmp_path)
    assert not private_files.is_private(tmp_path)
