"""SQLMesh variables in YAML that contain the text None: their environment variable is not set."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dotenv import dotenv_values
from sqlmesh.core import constants
from sqlmesh.core.config.common import YAML_CONFIG_FILENAMES
from sqlmesh.core.model import Model
from sqlmesh.utils import yaml
from sqlmesh.utils.jinja import ENVIRONMENT, create_var

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

    for file in (folder / name for name in YAML_CONFIG_FILENAMES):
        if file.is_file():
            methods = {**yaml.JINJA_METHODS, "env_var": env_var, "var": create_var({})}
            text = ENVIRONMENT.from_string(file.read_text(encoding="utf-8")).render(methods)
            config = yaml.load(text, render_jinja=False)
            gateways = config.get("gateways")
            several = gateways.values() if isinstance(gateways, Mapping) else ()
            for place in (config, *(each for each in several if isinstance(each, Mapping))):
                for name, value in (place.get("variables") or {}).items():
                    yield from ((str(name).lower(), each) for each in _MARK.findall(str(value)))


def _uses(model: Model, name: str) -> bool:
    """Return whether a model uses a SQLMesh variable; SQLMesh keeps those that it uses with it."""
    kept = [model.jinja_macros.global_objs.get(constants.SQLMESH_VARS)]
    for key in (constants.SQLMESH_VARS, constants.SQLMESH_VARS_METADATA):
        kept.append(model.python_env[key].payload if key in model.python_env else None)
    return any(f"{name!r}:" in str(each) for each in kept)  # mappings, and their texts
