"""Why a model's code version changed, as far as the literals show."""

from __future__ import annotations

import re

from dg_sqlmesh_codegen.sqlmesh_project.records import TableName

from .model import Cause, CodeChange, ParsedAsset, Properties

# The properties in the package that SQLMesh's `data_hash` contains besides code and columns. A cron
# is part of it by its `interval_unit`.
_SHAPES = ["kind", "materialized", "dialect", "gateway", "cron", "partitioned_by", "clustered_by"]
# Every model has these, so a package without them was generated with other `metadata_keys`.
_ALWAYS = ["kind", "dialect", "cron"]

_JINJA = re.compile(r"\{\{|\{%")
_AT = re.compile(r"(?<![\w@])@(\w+)(\(?)")
# SQLMesh's own macros and operators, and the variables that it sets. Their values do not come from
# the project; those of `@VAR` and `@BLUEPRINT_VAR` do.
_BUILTIN_MACROS = re.compile(
    r"and|apply|columns_to_types|date_spine|deduplicate|def|each|eval|filter|generate_surrogate_key"
    r"|group_by|haversine_distance|having|if|join|limit|or|order_by|pivot|reduce|resolve_template"
    r"|safe_add|safe_div|safe_sub|sql|star|union|where|with"
)
_PREDEFINED = re.compile(
    r"(latest|start|end|execution)_(date|dt|dtntz|ds|ts|tstz|hour|epoch|millis)"
    r"|this_model|this_env|model_kind_name|gateway|runtime_stage|physical_table"
)


def code_change(
    old: ParsedAsset, new: ParsedAsset, upgrade: tuple[str, ...] = ()
) -> CodeChange | None:
    """Compare the code versions of one model; None if they are the same.

    `upgrade` are the versions of SQLMesh that made the packages, where they differ: what else a
    package does not show is then taken for its effect. SQLMesh 0.236, for instance, hashes Python
    code and `clustered_by` otherwise than 0.235, and from 0.206 to 0.215 every model has another
    `data_hash`.
    """
    if old.code_version == new.code_version:
        return None
    cause, names = _cause(old, new)
    shown = cause in (Cause.QUERY, Cause.DEFINITION) or old.columns != new.columns
    if upgrade and not shown:
        cause, names = Cause.UPGRADE, upgrade
    return CodeChange(old.code_version, new.code_version, cause, names)


def _cause(old: ParsedAsset, new: ParsedAsset) -> tuple[Cause, tuple[str, ...]]:
    kinds = new.properties.get("kinds", ())
    same_kinds = old.properties.get("kinds", ()) == kinds
    # A query on one side only is an edit if the model became Python code, or was it.
    if old.query != new.query and ((old.query and new.query) or not same_kinds):
        return Cause.QUERY, ()
    shapes = _changed_shapes(old.properties, new.properties)
    # SQLMesh names the schema of the physical table after the model's.
    if TableName.of(old.fqn).schema_name != TableName.of(new.fqn).schema_name:
        shapes.append("schema")
    if shapes:
        return Cause.DEFINITION, tuple(shapes)
    if "SEED" in (old.value("sqlmesh/kind"), new.value("sqlmesh/kind")) or "seed" in kinds:
        return Cause.SEED, ()
    if not (old.query and new.query):
        python = "python" in kinds or (new.value("sqlmesh/source") or "").endswith(".py")
        return (Cause.PYTHON, ()) if python else (Cause.UNSEEN, ("sqlmesh/query",))
    macros = macros_in(new.query)
    return (Cause.MACRO if macros else Cause.UNSEEN), macros


def _changed_shapes(old: Properties, new: Properties) -> list[str]:
    names = [f"sqlmesh/{name}" for name in _SHAPES]
    if any((f"sqlmesh/{name}" in old) != (f"sqlmesh/{name}" in new) for name in _ALWAYS):
        names = [name for name in names if name in old and name in new]
    return [name for name in names if old.get(name) != new.get(name)]


def macros_in(query: str) -> tuple[str, ...]:
    """Return what a query's text uses from elsewhere in the project, sorted.

    `@name` is a macro or a variable, `@VAR` a variable that the query gets by its name, and `Jinja`
    any Jinja expression.
    """
    found = set()
    for name, parenthesis in _AT.findall(query):
        plain = name.lower()
        if parenthesis:
            own = not _BUILTIN_MACROS.fullmatch(plain)
        else:
            # In `x -> @x`, it is the argument of a lambda.
            own = not _PREDEFINED.fullmatch(plain) and f"{name} ->" not in query
        if own:
            found.add(f"@{name}")
    if _JINJA.search(query):
        found.add("Jinja")
    return tuple(sorted(found))
