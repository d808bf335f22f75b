"""Why a model's code version changed: what the literals let one say, and no more."""

from __future__ import annotations

import re

from .changes import Cause, CodeChange
from .model import Asset

# What enters SQLMesh's `data_hash` besides code and columns, of what the package shows. A cron
# enters it by the length of its interval (`interval_unit`).
_SHAPES = (
    "sqlmesh/kind",
    "sqlmesh/materialized",
    "sqlmesh/dialect",
    "sqlmesh/gateway",
    "sqlmesh/cron",
    "sqlmesh/partitioned_by",
    "sqlmesh/clustered_by",
)

_JINJA = re.compile(r"\{\{|\{%")
_AT = re.compile(r"(?<![\w@])@(\w+)(\(?)")
# SQLMesh's own macros (its registry, and the operators that its evaluator knows) and the
# variables it sets itself: what they stand for changes with SQLMesh, not with the project.
_BUILTIN_MACROS = re.compile(
    r"and|apply|blueprint_var|columns_to_types|date_spine|deduplicate|def|each|eval|filter"
    r"|generate_surrogate_key|group_by|haversine_distance|having|if|join|limit|or|order_by|pivot"
    r"|reduce|resolve_template|safe_add|safe_div|safe_sub|sql|star|union|var|where|with"
)
_PREDEFINED = re.compile(
    r"(latest|start|end|execution)_(date|dt|dtntz|ds|ts|tstz|hour|epoch|millis)"
    r"|this_model|this_env|model_kind_name|gateway|runtime_stage|physical_table",
)
_VARIABLES = frozenset({"var", "blueprint_var"})


def code_change(old: Asset, new: Asset) -> CodeChange | None:
    """Compare the code versions of one model; None where they are the same."""
    if old.code_version == new.code_version:
        return None
    cause, names = _cause(old, new)
    return CodeChange(old.code_version, new.code_version, cause, names)


def _cause(old: Asset, new: Asset) -> tuple[Cause, tuple[str, ...]]:
    if old.query != new.query:
        return Cause.QUERY, ()
    shapes = [name for name in _SHAPES if old.values(name) != new.values(name)]
    if _schema(old) != _schema(new):
        shapes.append("schema")
    if shapes:
        return Cause.DEFINITION, tuple(shapes)
    if new.query is None:
        return (Cause.SEED if new.kind == "SEED" else Cause.PYTHON), ()
    macros = macros_in(new.query)
    return (Cause.MACRO if macros else Cause.UNSEEN), macros


def _schema(asset: Asset) -> str:
    """The schema of a model's fqn; SQLMesh names the one that holds its tables after it."""
    return asset.fqn.rpartition('"."')[0].rpartition('"."')[2].lstrip('"')


def macros_in(query: str) -> tuple[str, ...]:
    """Return what a query's text takes from elsewhere in the project, sorted.

    `@name` for a macro that it calls and for a variable, `@VAR` where it asks for one by name,
    and `Jinja` for anything in double braces.
    """
    found = set()
    for name, parenthesis in _AT.findall(query):
        plain = name.lower()
        if parenthesis:
            own = not _BUILTIN_MACROS.fullmatch(plain) or plain in _VARIABLES
        else:
            # `x -> @x` is an argument of a lambda, not a variable.
            own = not _PREDEFINED.fullmatch(plain) and f"{name} ->" not in query
        if own:
            found.add(f"@{name}")
    if _JINJA.search(query):
        found.add("Jinja")
    return tuple(sorted(found))
