"""SQLMesh variables in YAML whose environment variable is not set: SQLMesh loads them as `None`."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dotenv import dotenv_values
from sqlmesh.core import constants
from sqlmesh.core.config.common import YAML_CONFIG_FILENAMES
from sqlmesh.core.model import Model
from sqlmesh.utils import yaml
from sqlmesh.utils.jinja import ENVIRONMENT

from .records import TableName

_MARK = re.compile(r"__unset_(\w+)__")


class _Unset(str):
    """What `env_var` returns for a variable that is not set: as false as the `None` of SQLMesh."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False


def messages(folders: Iterable[Path], models: Iterable[Model]) -> Iterator[str]:
    """Yield a message for each variable that is not set, with the models that use it.

    `folders` are those of the projects; models that a variable only names are not seen.
    """
    used = {str(TableName.of(model.fqn)): _variables(model) for model in models}
    for name, variable in sorted({pair for folder in folders for pair in _unset(folder)}):
        users = sorted(model for model, names in used.items() if name in names)
        where = f" in the models {', '.join(users)}" if users else ""
        yield f"the SQLMesh variable {name} is None{where}, because {variable} is not set"


def _unset(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the variables of a project's YAML, each with its environment variable."""
    environment = {**os.environ, **dotenv_values(folder / ".env")}

    def env_var(key: str, default: str | None = None) -> str | None:
        value = environment.get(key, default)
        return _Unset(f"__unset_{key}__") if value is None else value

    for file in (folder / name for name in YAML_CONFIG_FILENAMES):
        if file.is_file():
            methods = {**yaml.JINJA_METHODS, "env_var": env_var, "var": lambda *_: None}
            text = ENVIRONMENT.from_string(file.read_text(encoding="utf-8")).render(methods)
            config = yaml.load(text, render_jinja=False)
            gateways = config.get("gateways")
            several = gateways.values() if isinstance(gateways, Mapping) else ()
            for place in (config, *(each for each in several if isinstance(each, Mapping))):
                for name, value in (place.get("variables") or {}).items():
                    yield from ((str(name).lower(), each) for each in _MARK.findall(str(value)))


def _variables(model: Model) -> set[str]:
    """Return the names of the SQLMesh variables that a model uses."""
    python = [
        model.python_env[key].payload
        for key in (constants.SQLMESH_VARS, constants.SQLMESH_VARS_METADATA)
        if key in model.python_env
    ]
    found = {str(key) for text in python for key in _keys(text)}
    in_jinja = model.jinja_macros.global_objs.get(constants.SQLMESH_VARS)
    return found | ({*in_jinja} if isinstance(in_jinja, Mapping) else set())


def _keys(payload: str) -> Iterator[object]:
    """Yield the keys of a mapping as SQLMesh writes it; its values can be SQLMesh's own objects."""
    tree = ast.parse(payload, mode="eval").body
    for key in tree.keys if isinstance(tree, ast.Dict) else ():
        if isinstance(key, ast.Constant):
            yield key.value
