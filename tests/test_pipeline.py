"""The flow of a generation, with a package that is rendered already."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from dg_sqlmesh_codegen import pipeline
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.output.report import Mode
from dg_sqlmesh_codegen.rendering.files import Contents, File, Rendered
from dg_sqlmesh_codegen.rendering.header import HEADER


def test_what_a_killed_generation_left_beside_a_current_package_is_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "defs"
    files = (File(PurePosixPath("definitions.py"), f"{HEADER}\n"),)
    made = pipeline.Made(Config((tmp_path,), out), Rendered(files, Contents(0, 0, 0, (), ())))
    assert pipeline.deliver(made, Mode.WRITE, print).different
    left = out / ".definitions.py.0.dg-sqlmesh-codegen.tmp"
    left.touch()

    assert not pipeline.deliver(made, Mode.WRITE, print).different
    assert not left.exists()
    assert capsys.readouterr().out == f"Writing {out}\n"
