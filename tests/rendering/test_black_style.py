"""Lines that are too wide are split exactly as black splits them, or black is asked."""

from __future__ import annotations

import black
import pytest
from black.mode import Mode, TargetVersion
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dg_sqlmesh_codegen.rendering.black_style import UnknownShapeError, fitted
from dg_sqlmesh_codegen.rendering.literals import literal

BLACK = Mode(target_versions={TargetVersion.PY311})

# Wide and combining characters, quotes, and what would be structure outside of a string.
words = st.text(st.sampled_from("ab cé数\u0301\n_.,()[]'\"\\"), max_size=50)
texts = words.map(literal)
strings = words.map(lambda text: literal(text.replace("\n", "")))
lists = st.lists(strings, min_size=1, max_size=5).map(lambda items: f"[{', '.join(items)}]")
columns = st.builds(
    lambda name, type_, description: f"dg.TableColumn({name}, {type_}, description={description})",
    strings,
    strings,
    texts,
)
values = texts | lists | columns | st.booleans().map(literal)


def in_call(values: list[str], margin: str) -> str:
    return "".join(f"{margin}argument_{i}={value},\n" for i, value in enumerate(values))


def in_dict(values: list[str], margin: str) -> str:
    return "".join(f'{margin}"sqlmesh/{i}": {value},\n' for i, value in enumerate(values))


def in_list(values: list[str], margin: str) -> str:
    return "".join(f"{margin}{value},\n" for value in values)


BRACKETS = {"()": in_call, "{}": in_dict, "[]": in_list}


def module(brackets: str, values: list[str], depth: int) -> str:
    """Return a module with a line per value, `depth` brackets further in."""
    inner = BRACKETS[brackets](values, "    " * (depth + 1))
    text = f"{brackets[0]}\n{inner}{'    ' * depth}{brackets[1]}"
    for level in reversed(range(depth)):
        text = (
            f"f(\n{'    ' * (level + 1)}{'f' if text[0] == '(' else ''}{text},\n{'    ' * level})"
        )
    return f"{'f' if text[0] == '(' else ''}{text}\n"


def as_black(text: str) -> str:
    return black.format_str(text, mode=BLACK)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(BRACKETS)), st.lists(values, min_size=2, max_size=5), st.integers(0, 4)
)
@example("()", [literal("a" * 40 + "\n" + "b" * 22)] * 2, 0)  # fits, on a line of its own only
@example("[]", [f"[{literal('a' * 90)}]", f"[{literal('a' * 60)}, {literal('b' * 60)}]"], 1)
def test_what_is_too_wide_is_split_as_black_splits_it(
    brackets: str, values: list[str], depth: int
) -> None:
    text = module(brackets, values, depth)
    assert fitted(text) == as_black(text)
    assert fitted(fitted(text)) == fitted(text)


@pytest.mark.parametrize("characters", range(20, 100))
def test_imports_and_tuples_of_one(characters: int) -> None:
    name = "m" * characters
    for text in (
        f"from .{name} import model as m\n",
        f"from .m import model as {name}\n",
        f"from .{name} import model as {name}\n",
        f"MODELS: tuple[ModelAsset, ...] = ({name},)\n",
    ):
        assert fitted(text) == as_black(text)


@pytest.mark.parametrize("wide", ["a" * 88, "数" * 44, "é" * 88, "e\u0301" * 80])
def test_the_width_is_the_one_on_a_screen(wide: str) -> None:
    for text in (wide[:-24], wide[:-20], wide[:-10], wide):
        line = f"f(\n    g({literal(text)}, 1),\n    2,\n)\n"
        assert fitted(line) == as_black(line)


def test_a_comment_stays_as_it_is() -> None:
    text = f"# it's ({'a' * 100}\nx = 1\n"
    assert fitted(text) == text == as_black(text)


@pytest.mark.parametrize(
    "line",
    [
        f'("a\\n" "b"): "{"c" * 100}",',  # the last brackets do not end the line
        f'"{"a" * 100}": ["b", "c"],',  # what stands before the brackets is too wide
        f"{'a' * 100}=[],",  # nothing in them
        f"{'a' * 100}=[",  # one that is closed on another line
        f"{'a' * 100}]",
        f"x = 1  # it's {'a' * 100}",
    ],
)
def test_other_shapes_are_left_to_black(line: str) -> None:
    with pytest.raises(UnknownShapeError):
        fitted(f"{line}\n")
