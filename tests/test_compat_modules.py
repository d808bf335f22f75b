"""What can change with a version of SQLMesh, sqlglot or Dagster stands in a compatibility module.

These tests read the syntax of `src` and of the generated example. They need no second version;
`tests/matrix` runs several.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import dagster as dg
import pytest
from dagster._annotations import is_public

COMPAT_MODULES = (
    "sqlmesh_project/compat.py",
    "runtime/sqlmesh/compat.py",
    "runtime/dagster/compat.py",
    "runtime/dagster/compat_limits.py",
    "runtime/sqlmesh/compat_restate.py",
)
# The modules that the hosts' own guides import from.
DOCUMENTED = {
    "dagster",
    "sqlglot",
    "sqlglot.errors",
    "sqlmesh",
    "sqlmesh.core.config",  # guides/configuration
    "sqlmesh.core.model",  # concepts/models/python_models
    "sqlmesh.core.notification_target",  # guides/notifications
    "sqlmesh.utils.date",  # guides/signals
    "sqlmesh.utils.errors",  # guides/custom_materializations
}
# The base of all of sqlglot's expressions is `Expression` until 29 and `Expr` since 30.
RENAMED = {"exp.Expr", "exp.Expression"}
HOSTS = {"dagster", "dagster_shared", "sqlmesh", "sqlglot"}
NOT_DAGSTERS = {name for each in (str, set, dict, Path, Thread) for name in dir(each)}


def undocumented_members() -> set[str]:
    """Methods and properties of Dagster's public classes without `@public`, and fields of none."""
    documented: dict[str, bool] = {}
    classes = {base for each in vars(dg).values() if inspect.isclass(each) for base in each.__mro__}
    for each in (cls for cls in classes if cls.__module__.split(".")[0] == "dagster"):
        members = {
            name: is_public(value) or is_public(getattr(value, "fget", None))
            for name, value in vars(each).items()
            if inspect.isroutine(value) or isinstance(value, property)
        }
        for name, public in (members | dict.fromkeys(inspect.get_annotations(each), True)).items():
            documented[name] = documented.get(name, False) or public
    return {name for name, public in documented.items() if not public} - NOT_DAGSTERS


def imports(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Yield the line, module and name of each import of a host that is executed."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            found = [(node.lineno, alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found = [(node.lineno, node.module, alias.name) for alias in node.names]
        else:
            found = []
        yield from (each for each in found if each[1].split(".")[0] in HOSTS)
        yield from imports(node)


def definitions(tree: ast.AST) -> set[str]:
    """Names that a module defines: its functions, methods, variables, fields and attributes."""
    own: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            own.add(node.name)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            own.add(node.id if isinstance(node, ast.Name) else node.attr)
    return own


def of_imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for line, module, name in imports(tree):
        if name == "__version__":
            yield line, f"asks for the version of {module}"
        elif module not in DOCUMENTED or name.startswith("_"):
            yield line, f"imports {'.'.join(filter(None, (module, name)))}"


def of_attributes(tree: ast.AST, inherited: set[str]) -> Iterator[tuple[int, str]]:
    own = definitions(tree)
    with_dagster = any(module == "dagster" for _, module, _ in imports(tree))
    refused = undocumented_members() - own - inherited if with_dagster else set()
    for node in (each for each in ast.walk(tree) if isinstance(each, ast.Attribute)):
        owner = ast.unparse(node.value)
        known = own | inherited if owner in {"self", "cls"} else own
        private = node.attr.startswith("_") and not node.attr.endswith("__")
        if owner in sys.stdlib_module_names:
            continue
        if private and node.attr not in known:
            yield node.lineno, f"uses the private {owner}.{node.attr}"
        elif node.attr in refused or ast.unparse(node) in RENAMED:
            yield node.lineno, f"uses {owner}.{node.attr}, which is not public"


def of_questions(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the places that ask what the installed version has."""
    with_hosts = any(imports(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            arguments = {each.value for each in node.args if isinstance(each, ast.Constant)}
            if called == "version" and HOSTS & arguments:
                yield node.lineno, f"asks for the version of {', '.join(HOSTS & arguments)}"
            if with_hosts and called in {"hasattr", "signature"}:
                yield node.lineno, f"asks what the version has: {ast.unparse(node)}"
        elif isinstance(node, ast.Try) and any(imports(ast.Module(node.body, []))):
            yield node.lineno, "tries to import"


def found_in(source: str, inherited: set[str]) -> list[str]:
    tree = ast.parse(source)
    found = {*of_imports(tree), *of_attributes(tree, inherited), *of_questions(tree)}
    return [f"{line}: {what}" for line, what in sorted(found)]


def test_only_compatibility_modules_use_what_can_change_with_a_version(root: Path) -> None:
    package = root / "src/dg_sqlmesh_codegen"
    files = [*package.rglob("*.py"), *(root / "generated_example/defs").rglob("*.py")]
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    inherited = {name for text in texts.values() for name in definitions(ast.parse(text))}

    found = [
        f"{path.relative_to(root)}:{each}"
        for path, text in sorted(texts.items())
        if not path.as_posix().endswith(COMPAT_MODULES)
        for each in found_in(text, inherited)
    ]

    assert found == [], "Move these into a compatibility module:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import dagster as dg", []),
        ("import dagster._core.launcher", ["1: imports dagster._core.launcher"]),
        ("from sqlmesh import Context", []),
        ("from sqlmesh import __version__", ["1: asks for the version of sqlmesh"]),
        ("from sqlmesh.core.loader import Loader", ["1: imports sqlmesh.core.loader.Loader"]),
        ("if TYPE_CHECKING:\n    from sqlmesh.core.loader import Loader", []),
        ("from .sqlmesh import run", []),
        ("model._path", ["1: uses the private model._path"]),
        ("class A:\n    def f(self):\n        self._path = 1\n        return self._path", []),
        ("self._path", ["1: uses the private self._path"]),
        ("os._exit(1)", []),
        (
            "import dagster\ninstance.get_settings()",
            ["2: uses instance.get_settings, which is not public"],
        ),
        ("import dagster\ninstance.get_run_by_id(1)", []),
        ("instance.get_settings()", []),
        ("isinstance(x, exp.Expr)", ["1: uses exp.Expr, which is not public"]),
        ("version('sqlmesh')", ["1: asks for the version of sqlmesh"]),
        ("version('black')", []),
        (
            "import dagster\nhasattr(dagster, 'x')",
            ["2: asks what the version has: hasattr(dagster, 'x')"],
        ),
        ("hasattr(x, 'session_id')", []),
        ("try:\n    from dagster import New\nexcept ImportError:\n    ...", ["1: tries to import"]),
    ],
)
def test_what_is_found(source: str, found: list[str]) -> None:
    assert found_in(source, inherited=set()) == found
