"""`external_asset_mapping`: a template -> the asset keys of tables that SQLMesh does not write."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.errors import SettingError
from dg_sqlmesh_codegen.sqlmesh_project.records import ExternalTable

if TYPE_CHECKING:
    import jinja2

KEY = "external_asset_mapping"
_VARIABLES = "There are node.database, node.schema, node.name and node.fqn."
# What Jinja reads stays as it is; {node.name} outside of it is short for {{ node.name }}.
_SHORT = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})|\{([^{}]*)\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Node:
    """An external table as a template sees it; `database` is empty on engines without catalogs."""

    database: str
    schema: str
    name: str
    fqn: str


class ExternalAssetMapping:
    """A template that makes asset keys, its parts separated by slashes.

    Args:
        template: `target/main/{node.name}`, or Jinja: `{{ node.schema | lower }}/{{ node.name }}`.

    Raises:
        SettingError: a template that Jinja cannot read, or with an unknown variable.
    """

    def __init__(self, template: str) -> None:
        # Only where there is a mapping: without one, a run that changes nothing needs no Jinja.
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
            raise SettingError(KEY, f"{template!r} is no template", detail=str(error)) from error
        # Known now, and not when the first table comes that the template is for.
        used = {
            f"node.{each.attr}" for each in tree.find_all(jinja2.nodes.Getattr) if _of_node(each)
        }
        unknown = sorted((used - _KNOWN) | (meta.find_undeclared_variables(tree) - {"node"}))
        if unknown:
            detail = f"there is no {', '.join(unknown)}. {_VARIABLES}"
            raise SettingError(KEY, f"{template!r} is no template", detail=detail)

    def key(self, table: ExternalTable) -> tuple[str, ...]:
        """Return the key of one table.

        Raises:
            SettingError: an unknown variable, or a key without parts or that Dagster refuses.
        """
        parts = table.table
        node = Node(parts.catalog or "", parts.schema_name, parts.view_name, str(parts))
        try:
            text = self._template.render(node=node)
        except Exception as error:
            # A template can call and compute, so anything may come of it.
            raise self._error(table, f"{type(error).__name__}: {error}") from error
        key = tuple(part.strip() for part in text.split("/") if part.strip())
        if not key:
            raise self._error(table, "it renders to an empty key")
        if not all(map(dagster_names.is_key_part, key)):
            detail = f"Dagster takes no key {text!r}, but letters, digits, dots, - and _"
            hint = "A filter can replace the others: {{ node.name | replace(' ', '_') }}."
            raise self._error(table, detail, hint)
        return key

    def _error(self, table: ExternalTable, detail: str, hint: str = _VARIABLES) -> SettingError:
        return SettingError(KEY, f"{self._text!r}, for {table}", detail=detail, hint=hint)


_KNOWN = {f"node.{field.name}" for field in fields(Node)}


def _of_node(attribute: jinja2.nodes.Getattr) -> bool:
    return getattr(attribute.node, "name", None) == "node"


def _long(match: re.Match[str]) -> str:
    return match[1] or f"{{{{ {match[2]} }}}}"
