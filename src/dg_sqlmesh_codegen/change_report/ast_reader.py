"""Python source -> values, by `ast` alone: nothing is imported and nothing is run.

What is no literal keeps its source text, so that it can still be compared.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator


class Unreadable(Exception):  # noqa: N818 - what it says of a file, which is no error of ours
    """A file that is not what this tool writes; the message is the reason, in a few words."""


def module(text: str) -> ast.Module:
    """Parse a module.

    Raises:
        Unreadable: the text is no Python, with the reason in a few words.
    """
    try:
        return ast.parse(text)
    except SyntaxError as error:
        if _has_conflict_markers(text):
            raise Unreadable("it holds the markers of a merge conflict") from error
        where = f"line {error.lineno}" if error.lineno else "it"
        raise Unreadable(f"{where} is no Python") from error
    except (ValueError, RecursionError, MemoryError) as error:
        # null bytes, bytes that are no UTF-8, expressions nested beyond what Python parses
        raise Unreadable("it is no Python") from error


def _has_conflict_markers(text: str) -> bool:
    return any(line.startswith(("<<<<<<< ", ">>>>>>> ")) for line in text.splitlines())


def calls(node: ast.AST, *names: str) -> Iterator[ast.Call]:
    """Yield the calls of functions of these names, called plainly or as an attribute.

    Breadth first; calls within such a call are not looked for, which saves most of the way.
    """
    waiting = deque([node])
    while waiting:
        each = waiting.popleft()
        if isinstance(each, ast.Call) and name(each) in names:
            yield each
        else:
            waiting.extend(ast.iter_child_nodes(each))


def name(call: ast.Call) -> str:
    """Return the last part of what is called: `AssetSpec` of `dg.AssetSpec(...)`."""
    match call.func:
        case ast.Attribute(attr=text) | ast.Name(id=text):
            return text
        case _:
            return ""


def keyword(call: ast.Call, wanted: str) -> ast.expr | None:
    """Return a keyword argument."""
    return next((each.value for each in call.keywords if each.arg == wanted), None)


def argument(call: ast.Call, position: int, wanted: str) -> ast.expr | None:
    """Return an argument that may be given by name or by position."""
    positional = call.args[position] if position < len(call.args) else None
    return keyword(call, wanted) or positional


def others(call: ast.Call, *known: str) -> Iterator[tuple[str, ast.expr]]:
    """Yield the keyword arguments but the known ones; `**mapping` has the name `**`."""
    for each in call.keywords:
        if each.arg not in known:
            yield each.arg or "**", each.value


def items(node: ast.expr | None) -> Iterator[tuple[str, ast.expr]]:
    """Yield the entries of a dict display."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            yield ("**" if key is None else text(key)), value


def elements(node: ast.expr | None) -> list[ast.expr] | None:
    """Return the elements of a list or tuple display; None where it is neither."""
    return node.elts if isinstance(node, ast.List | ast.Tuple) else None


def string(node: ast.expr | None) -> str | None:
    """Return a string literal's value, None for anything else."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case _:
            return None


def boolean(node: ast.expr | None) -> bool | None:
    """Return a boolean literal's value, None for anything else."""
    match node:
        case ast.Constant(value=bool(value)):
            return value
        case _:
            return None


def text(node: ast.expr) -> str:
    """Return a string literal's value, and the source text of anything else."""
    value = string(node)
    if value is not None:
        return value
    try:
        return ast.unparse(node)
    except RecursionError:  # the parser takes expressions that are nested deeper than this does
        return f"<{type(node).__name__} at line {node.lineno}>"


def values(node: ast.expr) -> tuple[str, ...]:
    """Return the members of a display, sorted where order means nothing; one for a scalar."""
    match node:
        case ast.Constant(value=None):
            return ()
        case ast.List(elts=members) | ast.Tuple(elts=members):
            return tuple(text(each) for each in members)
        case ast.Set(elts=members):
            return tuple(sorted(text(each) for each in members))
        case ast.Dict():
            return tuple(sorted(f"{key}={text(value)}" for key, value in items(node)))
        case _:
            return (text(node),)


def only_string(node: ast.expr) -> tuple[str, ...]:
    """Return like `values`, but an expression around one string stands for that string.

    `str((HERE / "../shop").resolve())` is `../shop` to a reader, and of `os.getenv(...) or "prod"`
    the last part is what was generated.
    """
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        return only_string(node.values[-1])
    members = elements(node)
    if members is not None:
        return tuple(found for member in members for found in only_string(member))
    strings = [
        value for each in ast.walk(node) if isinstance(each, ast.expr) if (value := string(each))
    ]
    return (strings[0],) if isinstance(node, ast.Call) and len(strings) == 1 else values(node)
