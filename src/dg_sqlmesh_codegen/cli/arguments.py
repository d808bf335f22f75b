"""The arguments of a command line -> keys of the configuration, and the same command again."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dg_sqlmesh_codegen.errors import UsageError

OptionValue = str | tuple[str, ...] | None

OPTIONS = {
    "out": "-o",
    "gateway": "--gateway",
    "environment": "--environment",
    "config_name": "--config",
    "default_catalogs": "--default-catalog",
    "templates": "--templates",
    "others": "--set",
}


@dataclass(frozen=True, slots=True)
class Arguments:
    """What was typed.

    Args:
        by_key: values by key of the configuration.
        options: what was typed for a key: `-o`, `PROJECT`, `--set owners`.
        command: the command that generates with the same arguments.
    """

    by_key: Mapping[str, object]
    options: Mapping[str, str]
    command: str

    @classmethod
    def of(cls, values: Mapping[str, OptionValue]) -> Arguments:
        """Read the options' values by name; None or an empty tuple for an option not given.

        Raises:
            UsageError: a `--set` without KEY=VALUE, or a key that is set twice.
        """
        given = {name: value for name, value in values.items() if value not in (None, ())}
        by_key: dict[str, object] = {key: each for key, each in given.items() if key != "others"}
        options = {key: OPTIONS.get(key, "PROJECT") for key in by_key}
        for text in given.get("others") or ():
            key, value = _key_and_value(text)
            if key in by_key:
                what = f"{options[key]} and --set {key} set the same value"
                raise UsageError(what, hint="Remove one of them.")
            by_key[key] = value
            options[key] = f"--set {key}"
        return cls(by_key, options, shlex.join(_command(given)))


def _key_and_value(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {text} is not KEY=VALUE", hint="Example: --set group_name=marts")
    try:
        parsed = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return key.strip(), value  # plain text needs no quotes
    # TOML reads text of several lines as several keys.
    return key.strip(), parsed["value"] if len(parsed) == 1 else value


def _command(given: Mapping[str, OptionValue]) -> Iterator[str]:
    yield from ("python", "-m", "dg_sqlmesh_codegen", *(given.get("projects") or ()))
    for name, option in OPTIONS.items():
        value = given.get(name) or ()
        for text in (value,) if isinstance(value, str) else value:
            yield from (option, text)
