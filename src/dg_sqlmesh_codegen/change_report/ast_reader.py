"""Python source -> values, by `ast` alone: no code is imported or run.

An expression that is not a literal is kept as its source text, so that it can still be compared.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass


class UnreadableError(Exception):
    """A file that this tool did not write; the message is the reason, in a few words."""


def module(text: str) -> ast.Module:
    """Parse a module, or raise `UnreadableError`."""
    try:
        return ast.parse(text)
    except SyntaxError as error:
        if any(line.startswith(("<<<<<<< ", ">>>>>>> ")) for line in text.splitlines()):
            raise UnreadableError("it contains merge conflict markers") from error
        where = f"line {error.lineno}" if error.lineno else "it"
        raise UnreadableError(f"{where} is not valid Python") from error
    except (ValueError, RecursionError, MemoryError) as error:
        # null bytes, text that is not UTF-8, expressions nested too deep for Python's parser
        raise UnreadableError("it is not valid Python") from error


@dataclass(frozen=True, slots=True)
class Call:
    """A call in the source.

    `name` is the last part of what is called: `AssetSpec` for `dg.AssetSpec(...)`. `keywords` are
    the keyword arguments; `**mapping` has the name `**`.
    """

    name: str
    positional: tuple[ast.expr, ...]
    keywords: dict[str, ast.expr]

    @classmethod
    def of(cls, node: ast.AST | None) -> Call | None:
        """Return the call that a node is; None for any other node."""
        match node:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
                keywords = {each.arg or "**": each.value for each in node.keywords}
                return cls(name, tuple(node.args), keywords)
            case _:
                return None

    def argument(self, name: str, position: int | None = None) -> ast.expr | None:
        """Return the argument of that name, or at that position."""
        positional = [] if position is None else self.positional[position : position + 1]
        return self.keywords.get(name, next(iter(positional), None))

    def text(self, name: str, position: int | None = None) -> str | None:
        """Return an argument as text; None if the call does not have it."""
        found = self.argument(name, position)
        return None if found is None else text(found)

    def call(self, name: str) -> Call:
        """Return an argument that must be a call, or raise `UnreadableError`."""
        found = Call.of(self.argument(name))
        if found is None:
            raise UnreadableError(f"its argument {name} is not a literal")
        return found

    def mapping(self, name: str) -> Call:
        """Return a dict argument as a call whose keywords are its items; empty if it is no dict."""
        return Call("", (), dict(items(self.argument(name))))

    def elements(self, name: str) -> list[ast.expr]:
        """Return the elements of an argument that must be a list or tuple, if there is one."""
        node = self.argument(name)
        found = [] if node is None else elements(node)
        if found is None:
            raise UnreadableError(f"its argument {name} is not a literal")
        return found

    def others(self, *known: str) -> Iterator[tuple[str, ast.expr]]:
        """Yield the keyword arguments except the known ones."""
        yield from ((name, value) for name, value in self.keywords.items() if name not in known)


def calls(node: ast.AST, name: str) -> Iterator[Call]:
    """Yield the calls of that name, breadth first.

    It does not look inside a call that it yields: this skips most of a generated module.
    """
    waiting = deque([node])
    while waiting:
        each = waiting.popleft()
        call = Call.of(each)
        if call and call.name == name:
            yield call
        else:
            waiting.extend(ast.iter_child_nodes(each))


def items(node: ast.expr | None) -> Iterator[tuple[str, ast.expr]]:
    """Yield the items of a dict literal; nothing for any other node."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            yield ("**" if key is None else text(key)), value


def elements(node: ast.expr | None) -> list[ast.expr] | None:
    """Return the elements of a list or tuple literal; None for any other node."""
    return node.elts if isinstance(node, ast.List | ast.Tuple) else None


def string(node: ast.AST | None) -> str | None:
    """Return the value of a string literal; None for any other node."""
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else None


def text(node: ast.expr) -> str:
    """Return the value of a string literal, or the source text of any other expression."""
    value = string(node)
    return ast.unparse(node) if value is None else value


def values(node: ast.expr) -> tuple[str, ...]:
    """Return the members of a list, tuple, set or dict, or the one value of another expression.

    Members of a set and a dict are sorted; None has no value.
    """
    match node:
        case ast.Constant(value=None):
            return ()
        case ast.List(elts=members) | ast.Tuple(elts=members):
            return tuple(map(text, members))
        case ast.Set(elts=members):
            return tuple(sorted(map(text, members)))
        case ast.Dict():
            return tuple(sorted(f"{key}={text(value)}" for key, value in items(node)))
        case _:
            return (text(node),)


def only_string(node: ast.expr) -> tuple[str, ...]:
    """Return the same as `values`, but the string itself for a call that contains just one.

    So `str((HERE / "../shop").resolve())` is `../shop`. `os.getenv(...) or "prod"` is its last
    part, the value from the configuration.
    """
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        return only_string(node.values[-1])
    members = elements(node)
    if members is not None:
        return tuple(found for member in members for found in only_string(member))
    strings = [value for each in ast.walk(node) if (value := string(each)) is not None]
    return (strings[0],) if isinstance(node, ast.Call) and len(strings) == 1 else values(node)
