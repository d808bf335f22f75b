"""The command line where the output folder is odd: an error in one line, or a clean result."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cli.app import main
from projects import model, write_project
from trees import contents, tree

# In a mount namespace of its own: what is mounted there is gone with the process.
UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]
MODELS = 12


def can_mount() -> bool:
    if not shutil.which("unshare"):
        return False
    command = [*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_mounts = pytest.mark.skipif(
    not can_mount(), reason="this machine's kernel lets nobody mount a file system"
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    files = {f"models/m{number}.sql": model(f"s.m{number}") for number in range(MODELS)}
    return write_project(tmp_path / "shop", files)


def generate(shop: Path, out: Path, *options: str) -> int:
    return main([str(shop), "-o", str(out), "--quiet", *options])


ON_A_DISK = """
import os, shutil, subprocess, sys
from pathlib import Path
from dg_sqlmesh_codegen.cli import main

tmp = Path(sys.argv[1])
shop, disk = tmp / "shop", tmp / "disk"

def generate(*options):
    code = main([str(shop), "-o", str(disk / "defs"), "--quiet", *options])
    print("exit", code)

def keep(name):
    shutil.copytree(disk / "defs", tmp / name)

"""


def on_a_disk(folder: Path, size: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run a Python script with a small file system of its own mounted on `disk`."""
    (folder / "disk").mkdir()
    mount = f"mount -t tmpfs -o size={size} tmpfs {folder}/disk"
    python = [sys.executable, "-W", "ignore", "-c", ON_A_DISK + script, str(folder)]
    return subprocess.run(
        [*UNSHARE, "sh", "-ec", f'{mount}\nexec "$@"', "sh", *python],
        capture_output=True,
        text=True,
        check=False,
    )


READ_ONLY = """
generate()
keep("before")
subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
generate("--check")
generate()
generate("--environment", "dev")
keep("after")
"""


@pytest.mark.sqlmesh
@needs_mounts
def test_a_read_only_file_system(tmp_path: Path, shop: Path) -> None:
    done = on_a_disk(tmp_path, "10m", READ_ONLY)
    assert done.stdout.split("\n") == ["exit 0", "exit 0", "exit 0", "exit 2", ""], done.stderr
    (line,) = done.stderr.splitlines()
    assert "Read-only file system" in line
    assert "run the command again" in line
    assert tree(tmp_path / "after") == tree(tmp_path / "before")


# Room for nothing, for some of the files, and for all of them.
FULL = """
generate()
keep("before")
with open(disk / "ballast", "wb", buffering=0) as ballast:
    try:
        while True:
            ballast.write(bytes(4096))
    except OSError:
        pass
for number, model in enumerate(sorted((shop / "models").iterdir())):
    model.write_text(model.read_text().replace("1 AS id", "2 AS id"))
for kilobytes in (0, 4, 20, 40, 80):
    os.truncate(disk / "ballast", (disk / "ballast").stat().st_size - kilobytes * 1024)
    generate("--environment", "dev")
    keep(f"after_{kilobytes}")
"""


@pytest.mark.sqlmesh
@needs_mounts
def test_a_full_disk(tmp_path: Path, shop: Path) -> None:
    done = on_a_disk(tmp_path, "512k", FULL)
    codes = done.stdout.split("\n")
    assert codes == ["exit 0", *["exit 2"] * 3, *["exit 0"] * 2, ""], done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 3
    for line in done.stderr.splitlines():
        assert "No space left on device" in line
    before = tree(tmp_path / "before")
    for kilobytes in (0, 4, 20):
        assert tree(tmp_path / f"after_{kilobytes}") == before
    after = tree(tmp_path / "after_80")
    assert after.keys() == before.keys()
    changed = {path for path, text in contents(after).items() if text != before[path]}
    assert len(changed) == MODELS + 1


@pytest.mark.sqlmesh
def test_a_folder_that_is_a_link(tmp_path: Path, shop: Path) -> None:
    real, link = tmp_path / "elsewhere" / "deep", tmp_path / "link"
    real.mkdir(parents=True)
    link.symlink_to(real)
    assert generate(shop, link) == 0
    assert link.is_symlink()
    assert generate(shop, real, "--check") == 0
    (shop / "models" / "m7.sql").unlink()
    assert generate(shop, link) == 0
    assert not list(real.rglob("m7.py"))
    assert generate(shop, real, "--check") == 0


@pytest.mark.sqlmesh
@pytest.mark.parametrize("target", ["nowhere", "link"])
def test_a_link_to_no_folder(
    target: str, tmp_path: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / target)
    assert generate(shop, link) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{link} is a link that leads to no folder. Remove the link" in line
    assert {path.name for path in tmp_path.iterdir()} == {"link", "shop"}


@pytest.mark.process
def test_two_generators_at_once(
    tmp_path: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "defs"
    command = [sys.executable, "-m", "dg_sqlmesh_codegen", str(shop), "-o", str(out), "--quiet"]
    processes = [
        subprocess.Popen(
            [*command, "--environment", environment], stderr=subprocess.PIPE, text=True
        )
        for environment in ("one", "two")
    ]
    for process in processes:
        _, said = process.communicate()
        assert (process.returncode, said) == (0, "")
    codes = [generate(shop, out, "--check", "--environment", each) for each in ("one", "two")]
    assert sorted(codes) == [0, 1]
    assert not [path for path in out.rglob("*") if path.is_file() and path.suffix != ".py"]
