"""`--show-config`: the effective configuration as TOML, with the origin of each value."""

from __future__ import annotations

import click

from dg_sqlmesh_codegen.config.resolve import Setting, Settings
from dg_sqlmesh_codegen.config.toml import toml

_WIDE = 60


def print_settings(settings: Settings) -> None:
    """Print one line for each key: `key = value  # where it is from`."""
    lines = [(_assignment(setting), setting.where) for setting in settings.origins]
    width = max(len(line) for line, _ in lines if len(line) <= _WIDE)
    for line, where in lines:
        click.echo(f"{line:<{width}}  # {where}")


def _assignment(setting: Setting) -> str:
    # TOML has no null: a key without a value is a comment.
    if setting.value is None:
        return f"# {setting.key}"
    match setting.value:
        case {"*": str(catalog), **others} if setting.key == "default_catalogs" and not others:
            return f"{setting.key} = {toml(catalog)}"
    return f"{setting.key} = {toml(setting.value)}"
