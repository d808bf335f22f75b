"""SQLMesh variables in YAML that contain the text None: their environment variable is not set."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dotenv import dotenv_values
from sqlmesh.core.model import Model

from . import compat
from .records import TableName

_MARK = re.compile(r"<unset (.+?)>")


class _Unset(str):
    """What `env_var` returns for a variable that is not set: as false as the `None` of SQLMesh."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False


def messages(folders: Iterable[Path], models: Iterable[Model]) -> Iterator[str]:
    """Yield a message for each variable that is not set, with the models that use it.

    `folders` are those of the projects; models that a variable only names are not seen.
    """
    found = sorted({pair for folder in folders for pair in _unset(folder)})
    named = {str(TableName.of(model.fqn)): model for model in models} if found else {}
    for name, variable in found:
        users = sorted(each for each, model in named.items() if _uses(model, name))
        where = f" in the models {', '.join(users)}" if users else ""
        text = f"the SQLMesh variable {name} contains the text None{where}"
        yield f"{text}, because {variable} is not set"


def _unset(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the variables of a project's YAML, each with its environment variable."""
    environment = {**os.environ, **dotenv_values(folder / ".env")}

    def env_var(key: str, default: str | None = None) -> str | None:
        value = environment.get(key, default)
        return _Unset(f"<unset {key}>") if value is None else value

    for file in (folder / name for name in compat.CONFIG_FILES):
        if file.suffix != ".py" and file.is_file():
            config = compat.yaml_config(file.read_text(encoding="utf-8"), env_var)
            gateways = config.get("gateways")
            several = gateways.values() if isinstance(gateways, Mapping) else ()
            for place in (config, *(each for each in several if isinstance(each, Mapping))):
                for name, value in (place.get("variables") or {}).items():
                    yield from ((str(name).lower(), each) for each in _MARK.findall(str(value)))


def _uses(model: Model, name: str) -> bool:
    """Return whether a model uses a SQLMesh variable."""
    return any(f"{name!r}:" in each for each in compat.kept_variables(model))
