"""What is wrong on a command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cli.app import main
from refusals import GROUP, OWNER, error_of

FLAGS = [
    (["--gateway", ""], 'command line: --gateway = "" is refused: an empty text is no value'),
    (["--environment", ""], "the environment has no name. Name one with --environment."),
    (["--config", " "], 'command line: --config = " " is refused: an empty text is no value'),
    (
        ["--templates", "nowhere"],
        "no such folder of templates: nowhere. Name a folder with --templates, or the key "
        "`templates`.",
    ),
    (["--default-catalog", "a="], "--default-catalog a= names no catalog. Say [GATEWAY=]NAME."),
    (["--default-catalog", "=a"], "--default-catalog =a names no gateway. Say [GATEWAY=]NAME."),
    (
        ["--default-catalog", "a", "--default-catalog", "b"],
        "--default-catalog a and --default-catalog b contradict each other",
    ),
    (
        ["--default-catalog", "X=a", "--default-catalog", "x=b"],
        "--default-catalog x=a and --default-catalog x=b contradict each other",
    ),
    (["--set", "gateway"], "--set gateway is no KEY=VALUE. Say --set group_name=marts."),
    (["--set", "=a"], "--set =a is no KEY=VALUE. Say --set group_name=marts."),
    (
        ["--set", "gruop_name=a"],
        "command line: unknown key --set gruop_name. Did you mean group_name?",
    ),
    (["--set", "group_name=a b"], f'command line: --set group_name = "a b" is refused: {GROUP}'),
    (
        ["--set", "group_name=2026"],
        "command line: --set group_name = 2026 is refused: write a text in quotes",
    ),
    (
        ["--set", "group_name=a", "--set", "group_name=b"],
        "--set group_name and --set group_name say the same thing twice",
    ),
    (
        ["--gateway", "a", "--set", "gateway=b"],
        "--gateway and --set gateway say the same thing twice",
    ),
    (
        ["--set", "owners=['ana']"],
        f'command line: --set owners[0] = "ana" is refused: {OWNER}',
    ),
]


@pytest.mark.parametrize(("flags", "said"), FLAGS)
def test_on_the_command_line(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert error_of(capsys, "shop", "-o", "defs", *flags) == f"error: {said}"


@pytest.mark.parametrize("flag", ["--check", "--diff", "--doctor", "--hook"])
def test_what_two_revisions_have_no_answer_for(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-o", "defs", flag, "--against", "a..b"]) == 2
    assert "--against REV..REV looks at no project" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["shop", "shop/models", "shop/macros/generated"])
def test_a_package_among_the_models(
    out: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SQLMesh would import its modules as python models."""
    for name in ("models", "macros"):
        (folder / "shop" / name).mkdir()

    said = error_of(capsys, "shop", "-o", out)
    assert said.startswith("error: the package's models/ would lie in ")
    assert said.endswith(", which SQLMesh loads. Name another folder with -o.")


@pytest.mark.sqlmesh
@pytest.mark.usefixtures("inspected")
def test_a_format_alone_asks_for_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shop", "-o", "defs", "--no-cache", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["format"] == 1
