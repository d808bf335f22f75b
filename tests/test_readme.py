"""The READMEs: links, options, samples and versions are those of the code."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from dg_sqlmesh_codegen.cli.app import command
from dg_sqlmesh_codegen.config import resolve
from dg_sqlmesh_codegen.config.layer import COMMAND_LINE, Layer

TOOLS = ("dg-sqlmesh-codegen ", "python -m dg_sqlmesh_codegen ")


@dataclass(frozen=True, slots=True)
class Document:
    """A Markdown file."""

    file: Path

    @property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8")

    def blocks(self, *languages: str) -> list[str]:
        """Return the code blocks of these languages."""
        tokens = MarkdownIt().enable("table").parse(self.text)
        return [each.content for each in tokens if each.type == "fence" and each.info in languages]

    def inline(self) -> list[Token]:
        """Return what stands inside paragraphs, headings and cells of tables."""
        tokens = MarkdownIt().enable("table").parse(self.text)
        return [child for token in tokens for child in token.children or ()]

    def links(self) -> list[str]:
        """Return what links and pictures point to."""
        links = [str(token.attrs["href"]) for token in self.inline() if token.type == "link_open"]
        return links + re.findall(r'<img src="([^"]+)"', self.text)

    def options(self) -> set[str]:
        """Return the command-line options that are named in the text."""
        code = [token.content for token in self.inline() if token.type == "code_inline"]
        return {option for text in code for option in re.findall(r"(?<!\S)--[a-z-]+", text)}


@pytest.fixture
def readme(root: Path) -> Document:
    return Document(root / "README.md")


@pytest.fixture
def example(root: Path) -> Document:
    return Document(root / "generated_example" / "README.md")


@pytest.fixture(params=["readme", "example"])
def document(request: pytest.FixtureRequest) -> Document:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Document)
    return found


@pytest.fixture
def pyproject(root: Path) -> dict[str, object]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert isinstance(project, dict)
    return project


def test_it_is_short(readme: Document) -> None:
    assert len(readme.text.splitlines()) <= 200


def test_every_relative_link_exists(document: Document) -> None:
    relative = [link for link in document.links() if "://" not in link]

    assert relative
    assert [link for link in relative if not (document.file.parent / link).exists()] == []


def test_every_option_exists(document: Document) -> None:
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    others = {"--break", "--hook-type", "--editable"}  # of load_sources.py, pre-commit and pip

    assert "--check" in document.options()
    assert document.options() - options - others == set()


def test_the_commands_parse(document: Document) -> None:
    lines = [line for block in document.blocks("sh") for line in block.splitlines()]
    commands = [
        line.removeprefix(tool) for tool in TOOLS for line in lines if line.startswith(tool)
    ]

    assert commands
    for arguments in commands:
        words = shlex.split(arguments, comments=True)
        assert command.make_context("dg-sqlmesh-codegen", words).params["out"] == "defs"


def test_the_python_and_yaml_blocks_parse(document: Document) -> None:
    for block in document.blocks("python"):
        ast.parse(block)
    for block in document.blocks("yaml"):
        assert yaml.safe_load(block)


def test_the_python_sample_is_an_excerpt_of_the_example(readme: Document, root: Path) -> None:
    (sample,) = readme.blocks("python")
    generated = root / "generated_example/defs/models/shop/marts/mailing_list.py"
    rest = generated.read_text(encoding="utf-8")
    for part in re.split(r"^ +# \.\.\.\n", sample, flags=re.MULTILINE):
        _, found, rest = rest.partition(part)
        assert found, f"not in {generated.name}, or not in this order:\n{part}"


def test_the_printed_steps_are_those_of_the_script(readme: Document, root: Path) -> None:
    (output,) = readme.blocks("")
    script = (root / "generated_example" / "run.py").read_text(encoding="utf-8")
    titles = re.findall(r"^\d/5  (.*?) +\d+\.\d s$", output, re.MULTILINE)

    assert len(titles) == 5
    assert [title for title in titles if f'"{title}"' not in script] == []


@pytest.mark.process  # croniter, which reads the cron, asks `file` about the platform
@pytest.mark.parametrize("name", ["README.md", "src/dg_sqlmesh_codegen/config/README.md"])
def test_the_toml_is_a_configuration(
    name: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Document(root / name).blocks("toml")[0]
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path)

    origins = resolve.load(Layer(COMMAND_LINE, None, {})).origins

    written = {each.key for each in origins if each.layer}
    assert written == {*tomllib.loads(text)["tool"]["dg_sqlmesh_codegen"]}


def test_the_console_script_is_the_project_s(
    readme: Document, pyproject: dict[str, object]
) -> None:
    assert isinstance(pyproject["scripts"], dict)
    (name,) = pyproject["scripts"]

    assert any(block.count(f"\n{name} ") for block in readme.blocks("sh"))


def test_the_offered_hooks_are_named(example: Document, root: Path) -> None:
    offered = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))

    assert [hook["id"] for hook in offered if hook["id"] not in example.text] == []
