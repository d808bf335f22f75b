"""`external_asset_mapping`: a template -> the asset keys of external tables."""

from __future__ import annotations

import re

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.errors import SettingError
from dg_sqlmesh_codegen.sqlmesh_project.records import ExternalTable

KEY = "external_asset_mapping"
# Jinja's own syntax stays as it is; elsewhere {node.name} is short for {{ node.name }}.
_SHORT = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})|\{([^{}]*)\}", re.DOTALL)
# Of a table; `node.database` is empty on engines without catalogs.
_VARIABLES = ("database", "schema", "name", "fqn")
_HINT = f"The variables are {', '.join(f'node.{name}' for name in _VARIABLES)}."


class ExternalAssetMapping:
    """A template of asset keys, whose parts are separated by slashes.

    Args:
        template: `target/main/{node.name}`, or Jinja: `{{ node.schema | lower }}/{{ node.name }}`.

    Raises:
        ValueError: a template that Jinja cannot parse, or with an unknown variable.
    """

    def __init__(self, template: str) -> None:
        # Imported here because a run without a mapping, and without changes, does not need Jinja.
        import jinja2  # noqa: PLC0415
        from jinja2 import meta  # noqa: PLC0415

        self._text = template
        jinja = jinja2.Environment(
            undefined=jinja2.StrictUndefined,
            autoescape=False,  # noqa: S701 - a key, not HTML
        )
        try:
            tree = jinja.parse(_SHORT.sub(_long, template))
            self._template = jinja.from_string(tree)
        except jinja2.TemplateSyntaxError as error:
            raise ValueError(str(error)) from error
        # Checked here, so that no later change of the project is the first to fail.
        attributes = tree.find_all(jinja2.nodes.Getattr)
        unknown = meta.find_undeclared_variables(tree) - {"node"}
        unknown |= {
            f"node.{each.attr}"
            for each in attributes
            if getattr(each.node, "name", "") == "node" and each.attr not in _VARIABLES
        }
        if unknown:
            raise ValueError(f"unknown variable {', '.join(sorted(unknown))}. {_HINT}")

    def key(self, table: ExternalTable) -> tuple[str, ...]:
        """Return the asset key of one external table.

        Raises:
            SettingError: the template fails for the table, or gives a key without parts or one
                that Dagster does not accept.
        """
        parts = table.table
        names = (parts.catalog or "", parts.schema_name, parts.view_name, str(parts))
        try:
            text = self._template.render(node=dict(zip(_VARIABLES, names, strict=True)))
        except Exception as error:
            # A template can call functions and compute, so it can raise anything.
            raise self._error(table, f"{type(error).__name__}: {error}") from error
        key = tuple(part.strip() for part in text.split("/") if part.strip())
        if not key:
            raise self._error(table, "the asset key is empty")
        if not all(map(dagster_names.is_key_part, key)):
            detail = f"Dagster accepts letters, digits, dots, - and _ in an asset key, not {text!r}"
            hint = "Replace other characters: {{ node.name | replace(' ', '_') }}."
            raise self._error(table, detail, hint)
        return key

    def _error(self, table: ExternalTable, detail: str, hint: str = _HINT) -> SettingError:
        return SettingError(KEY, f"{self._text!r} fails for {table}", detail=detail, hint=hint)


def _long(match: re.Match[str]) -> str:
    return match[1] or f"{{{{ {match[2]} }}}}"
