"""Python source -> plain values, by `ast` alone: no code is imported or run.

An expression that is not a literal is kept as its source text, so that it can still be compared.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Iterator

# The calls that are read as dicts: named arguments by name, positional ones by number ("0").
RECORDS = frozenset({"ModelAsset", "ExternalAsset", "AuditCheck", "Audit"})
RECORDS |= {"AssetSpec", "AssetCheckSpec", "AssetKey", "AssetDep", "TableSchema", "TableColumn"}
RECORDS |= {"TableColumnLineage", "TableColumnDep"}


class UnreadableError(Exception):
    """A file that this tool did not write; the message is the reason, in a few words."""


class Source(str):
    """The source text of an expression that is not a literal."""

    __repr__ = str.__str__


Value = None | bool | str | list["Value"] | dict[str, "Value"]
Evaluator = Callable[[ast.expr], Value]


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


def value(node: ast.expr) -> Value:
    """Return the value of a literal, the arguments of a call in `RECORDS`, or the source text.

    A tuple becomes a list; so does a set, with sorted members.
    """
    match node:
        case ast.Constant(value=None | bool() | str() as constant):
            return constant
        case ast.List(elts=members) | ast.Tuple(elts=members):
            return [value(each) for each in members]
        case ast.Set(elts=members):
            return [*sorted(text(value(each)) for each in members)]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {"**" if key is None else text(value(key)): value(each) for key, each in pairs}
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in RECORDS:
            return arguments(node)
    return Source(ast.unparse(node))


def only_string(node: ast.expr) -> Value:
    """Return the same as `value`, but the string itself for a call that contains just one.

    So `str((HERE / "../shop").resolve())` is `../shop`. `os.getenv(...) or "prod"` is its last
    part, the value from the configuration.
    """
    match node:
        case ast.BoolOp(op=ast.Or(), values=[*_, last]):
            return only_string(last)
        case ast.List(elts=members) | ast.Tuple(elts=members):
            return [only_string(each) for each in members]
        case ast.Call():
            constants = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
            strings = [each for each in constants if isinstance(each, str)]
            return strings[0] if len(strings) == 1 else value(node)
    return value(node)


def strings_of(tree: ast.Module) -> Evaluator:
    """Return `only_string` for a module: a name is what the module assigns to it."""
    known = assigned(tree)

    def evaluate(node: ast.expr) -> Value:
        return only_string(known.get(node.id, node) if isinstance(node, ast.Name) else node)

    return evaluate


def assigned(tree: ast.Module) -> dict[str, ast.expr]:
    """Return what a module assigns to names at its top level."""
    return {
        target.id: each.value
        for each in tree.body
        if isinstance(each, ast.Assign)
        for target in each.targets
        if isinstance(target, ast.Name)
    }


def arguments(call: ast.Call, evaluate: Evaluator = value) -> dict[str, Value]:
    """Return the arguments of a call; `**mapping` has the name `**`."""
    positional = {str(number): evaluate(each) for number, each in enumerate(call.args)}
    return positional | {each.arg or "**": evaluate(each.value) for each in call.keywords}


def calls(node: ast.AST, *names: str) -> Iterator[ast.Call]:
    """Yield the calls of these names (`dg.AssetSpec(...)` is one of `AssetSpec`), breadth first.

    It does not look inside a call that it yields: this skips most of a generated module.
    """
    waiting = deque([node])
    while waiting:
        each = waiting.popleft()
        match each:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in names:
                yield each
            case _:
                waiting.extend(ast.iter_child_nodes(each))


def text(value: Value) -> str:
    """Return a string as it is, and any other value as source text."""
    return value if isinstance(value, str) else repr(value)


def texts(value: Value) -> tuple[str, ...]:
    """Return the members of a list or dict, or the one text of another value; none for None."""
    match value:
        case None:
            return ()
        case list():
            return tuple(map(text, value))
        case dict():
            return tuple(sorted(f"{key}={text(each)}" for key, each in value.items()))
    return (text(value),)
