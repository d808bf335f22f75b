"""The words of a command line -> values of the configuration, and the same words again."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dg_sqlmesh_codegen.config.types import ANY_GATEWAY
from dg_sqlmesh_codegen.errors import UsageError

Flag = str | tuple[str, ...] | None

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
class Words:
    """What was typed.

    Args:
        values: by key of the configuration.
        names: what a person typed for a key.
        command: the command that generates, with the same words.
    """

    values: Mapping[str, object]
    names: Mapping[str, str]
    command: str

    @classmethod
    def of(cls, flags: Mapping[str, Flag]) -> Words:
        """Read the flags by name, None or an empty tuple where one was not given.

        Raises:
            UsageError: an empty text for a folder, words that are no KEY=VALUE, or two flags that
                set one key.
        """
        given = {name: flag for name, flag in flags.items() if flag not in (None, ())}
        for name in ("projects", "out", "templates"):
            _refuse_empty(given.get(name))
        values: dict[str, object] = {key: flag for key, flag in given.items() if key != "others"}
        names = {key: OPTIONS.get(key, "PROJECT") for key in values}
        if "default_catalogs" in given:
            values["default_catalogs"] = _catalogs(_several(given["default_catalogs"]))
        for text in _several(given.get("others")):
            key, value = _setting(text)
            if key in values:
                raise UsageError(f"{names[key]} and --set {key} say the same thing twice")
            values[key] = value
            names[key] = f"--set {key}"
        return cls(values, names, shlex.join(_again(given)))


def _several(flag: Flag) -> tuple[str, ...]:
    return (flag,) if isinstance(flag, str) else flag or ()


def _refuse_empty(flag: Flag) -> None:
    # Such as an unset variable of a shell leaves behind: it is not "here".
    if not all(text.strip() for text in _several(flag)):
        raise UsageError("an empty text names no folder", hint="Say . for the working directory.")


def _catalogs(texts: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        gateway, equals, name = text.rpartition("=")
        if not name.strip() or (equals and not gateway.strip()):
            what = "no catalog" if not name.strip() else "no gateway"
            raise UsageError(f"--default-catalog {text} names {what}", hint="Say [GATEWAY=]NAME.")
        key = gateway.lower() if equals else ANY_GATEWAY
        if found.setdefault(key, name) != name:
            other = f"--default-catalog {f'{gateway}={found[key]}' if equals else found[key]}"
            raise UsageError(f"{other} and --default-catalog {text} contradict each other")
    return found


def _setting(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {text} is no KEY=VALUE", hint="Say --set group_name=marts.")
    try:
        parsed = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return key.strip(), value  # a plain text needs no quotes of its own
    # A text of several lines could be several keys to TOML.
    return key.strip(), parsed["value"] if len(parsed) == 1 else value


def _again(given: Mapping[str, Flag]) -> Iterator[str]:
    yield from ("python", "-m", "dg_sqlmesh_codegen")
    yield from _several(given.get("projects"))
    for name, option in OPTIONS.items():
        for text in _several(given.get(name)):
            yield from (option, text)
