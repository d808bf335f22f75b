"""The record's file: damaged, shared, out of date, or in a place that cannot be written."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import pytest

from cache.runs import Runs
from dg_sqlmesh_codegen import pipeline
from dg_sqlmesh_codegen.cache import before, store
from projects import model, write_project

pytestmark = pytest.mark.sqlmesh


@pytest.fixture
def record(runs: Runs) -> Path:
    write_project(runs.project, {"models/a.sql": model("a.a", cron="'0 8 * * *'")})
    runs.recorded()
    return store.location(runs.out)


def test_one_file_for_each_output_folder(record: Path, runs: Runs) -> None:
    assert [record] == list(record.parent.iterdir())
    assert record.stat().st_mode & 0o077 == 0  # it holds the text of the models

    runs.run("-o", str(runs.folder / "other"))
    assert len(list(record.parent.iterdir())) == 2


def test_nothing_of_it_is_in_the_project_or_in_the_package(record: Path, runs: Runs) -> None:
    found = [path for path in runs.folder.rglob("*") if path.suffix == ".json"]

    assert found == []


def test_no_value_of_a_variable_is_in_it(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2")
    config = """
        gateways: {local: {connection: {type: postgres, host: x, port: 5432, user: x,
            password: "{{ env_var('SHOP_PASSWORD') }}", database: shop}}}
        model_defaults: {dialect: postgres}
    """
    write_project(runs.project, {"models/a.sql": model("a.a")}, config=config)
    runs.recorded()
    text = store.location(runs.out).read_text(encoding="utf-8")

    assert "SHOP_PASSWORD" in text
    assert "hunter2" not in text


def cut(text: bytes) -> bytes:
    return text[: len(text) // 2]


def flip(text: bytes) -> bytes:
    return text.replace(b"0 8 * * *", b"0 9 * * *")


def signed(document: object) -> bytes:
    text = json.dumps(document).encode()
    return store._digest(text) + b"\n" + text


def of_another_format(text: bytes) -> bytes:
    return signed({**json.loads(text.partition(b"\n")[2]), "format": 0})


def of_other_keys(text: bytes) -> bytes:
    document = json.loads(text.partition(b"\n")[2])
    document["inputs"]["before"]["more"] = 1
    return signed(document)


@pytest.mark.parametrize(
    "damage",
    [cut, flip, of_another_format, of_other_keys, lambda text: b"", lambda text: signed([])],
)
def test_a_damaged_record_is_none(damage: object, record: Path, runs: Runs) -> None:
    assert callable(damage)
    record.write_bytes(damage(record.read_bytes()))

    assert runs.run("--check").loaded
    assert not runs.run("--check").loaded  # and it is mended


def test_a_folder_in_its_place(record: Path, runs: Runs) -> None:
    record.unlink()
    record.mkdir()

    for _ in range(2):
        checked = runs.run("--check")
        assert (checked.code, checked.loaded) == (0, True)


def test_a_cache_folder_that_cannot_be_made(
    record: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(store.FOLDER, str(runs.write("a file", "") / "below"))

    for _ in range(2):
        checked = runs.run("--check")
        assert (checked.code, checked.loaded) == (0, True)
        assert "a file" not in checked.stderr


def test_it_can_be_deleted(record: Path, runs: Runs) -> None:
    record.unlink()

    assert runs.run("--check").loaded
    assert record.is_file()


def test_no_cache_neither_reads_nor_writes_it(record: Path, runs: Runs) -> None:
    text = record.read_bytes()
    assert runs.run("--no-cache").loaded
    assert record.read_bytes() == text

    record.unlink()
    assert runs.run("--no-cache").loaded
    assert not record.exists()


@pytest.mark.parametrize("hours", [-25, 25])
def test_it_holds_for_a_day(
    hours: int, record: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + hours * 3_600_000_000_000)

    assert runs.run("--check").loaded


def aged(path: Path, days: int) -> Path:
    path.write_text("{}")
    os.utime(path, (time.time() - days * 86_400,) * 2)
    return path


def test_records_that_nobody_asks_for_are_forgotten(record: Path, runs: Runs) -> None:
    aged(record.with_name(f"{'a' * 32}.json"), 31)
    aged(record.with_name(f"{'a' * 32}0_z9abcd.json.tmp"), 31)
    young = aged(record.with_name(f"{'b' * 32}.json"), 29)
    record.unlink()
    runs.run("--check")

    assert set(record.parent.iterdir()) == {record, young}


@pytest.mark.parametrize(
    "name",
    [
        "old.json",
        "thesis.tex",
        f"{'a' * 40}",  # git names its objects like that
        f"{'a' * 64}.json",
        f"{'a' * 32}.json.gz",
        f"{'a' * 32}.txt",
        f"{'A' * 32}.json",
    ],
)
def test_no_file_of_anybody_else_is_removed(name: str, record: Path, runs: Runs) -> None:
    """The folder may be one of the user's: ~/.cache, or the one that a command is run in."""
    foreign = aged(record.with_name(name), 365)
    record.unlink()
    runs.run("--check")

    assert set(record.parent.iterdir()) == {record, foreign}


def test_what_a_killed_process_left_is_forgotten(
    record: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, make = [], tempfile.mkstemp

    def remembering(suffix: str, prefix: str, folder: Path) -> tuple[int, str]:
        descriptor, name = make(suffix, prefix, folder)
        made.append(Path(name))
        return descriptor, name

    record.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkstemp", remembering)
        runs.run("--check")
    (left,) = made
    assert not left.exists()
    aged(left, 31)
    record.unlink()
    runs.run("--check")

    assert list(record.parent.iterdir()) == [record]


def test_another_version_of_this_tool(
    record: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(before, "__version__", "99.0.0")

    assert runs.run("--check").loaded


def test_another_version_of_python(
    record: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version", "3.99.0")

    assert runs.run("--check").loaded


def test_another_version_of_a_package(
    record: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = runs.folder / "venv" / "site-packages"
    (site / "sqlmesh-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(site))
    assert runs.run("--check").loaded
    assert not runs.run("--check").loaded
    (site / "sqlmesh-1.0.dist-info").rename(site / "sqlmesh-1.1.dist-info")

    assert runs.run("--check").loaded
    (site / "sqlmesh-1.1.dist-info" / "RECORD").write_text("the same version, installed again")
    assert runs.run("--check").loaded


def test_a_changed_template_of_ours(
    record: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    templates = runs.write("codegen_templates/model.py.jinja", "").parent
    monkeypatch.setattr(before, "_TEMPLATES", str(templates))

    assert runs.run("--check").loaded
    assert not runs.run("--check").loaded
    runs.write("codegen_templates/model.py.jinja", "changed")
    assert runs.run("--check").loaded


def test_changed_while_it_was_loaded(
    record: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read may be the old text, and what is there now is the new one: nobody knows."""
    translate = pipeline.translate

    def slow(*args: object, **flags: bool) -> object:
        rendered = translate(*args, **flags)  # type: ignore[arg-type]
        (runs.project / "models" / "a.sql").write_text(model("a.a", cron="'0 7 * * *'"))
        return rendered

    runs.write("project/models/b.sql", model("a.b"))
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "translate", slow)
        runs.run()
    assert not record.exists()

    assert runs.run("--check").code == 1
