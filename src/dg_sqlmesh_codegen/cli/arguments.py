"""The arguments of a command line -> a layer of the configuration, and the same command again."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping

from dg_sqlmesh_codegen.config.layer import COMMAND_LINE, SET, Layer
from dg_sqlmesh_codegen.config.model import KEYS
from dg_sqlmesh_codegen.errors import UsageError

OptionValue = str | tuple[str, ...] | None

# Option -> key of the configuration, in the order of a command.
OPTIONS = {
    "PROJECT": "projects",
    "-o": "out",
    "--gateway": "gateway",
    "--environment": "environment",
    "--config": "config_name",
    "--default-catalog": "default_catalogs",
    "--select": "select",
    "--exclude": "exclude",
    "--templates": "templates",
}
_NAMES = {**OPTIONS, **{f"{SET}{key}": key for key in KEYS}}


def layer(given: Mapping[str, OptionValue]) -> Layer:
    """Return what was typed.

    Args:
        given: values by key of the configuration, and as `others` the KEY=VALUE of each `--set`;
            None or an empty tuple for an option that was not given.

    Raises:
        UsageError: a `--set` without KEY=VALUE, or two of one key.
    """
    values: dict[str, object] = {
        option: given[key] for option, key in OPTIONS.items() if given.get(key) not in (None, ())
    }
    for text in given.get("others") or ():
        name, value = _set(text)
        if name in values:
            raise UsageError(f"{name} is there twice", hint="Remove one of them.")
        values[name] = value
    return Layer(COMMAND_LINE, None, values, _NAMES)


def _set(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    name = f"{SET}{key.strip()}"
    if not equals or name == SET:
        raise UsageError(f"--set {text} is not KEY=VALUE", hint="Example: --set group_name=marts")
    try:
        parsed = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return name, value  # plain text needs no quotes
    # TOML reads text of several lines as several keys.
    return name, parsed["value"] if len(parsed) == 1 else value


def command(given: Mapping[str, OptionValue]) -> str:
    """Return the command that generates with the same arguments, quoted for a shell."""
    words = ["python", "-m", "dg_sqlmesh_codegen", *(given.get("projects") or ())]
    for option, key in (*[*OPTIONS.items()][1:], ("--set", "others")):
        value = given.get(key) or ()
        for text in (value,) if isinstance(value, str) else value:
            words += (option, text)
    return shlex.join(words)
