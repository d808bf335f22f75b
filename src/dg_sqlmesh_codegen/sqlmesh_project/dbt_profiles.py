"""Environment variables of dbt's `profiles.yml`: those that only connections need may be missing.

dbt reads the profile again while SQLMesh loads the models, so the placeholders stay until then.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlmesh.core.model import Model

from dg_sqlmesh_codegen.errors import ProjectError

from .configurations import placeholder, variables

_PROJECT, _PROFILE = "dbt_project.yml", "profiles.yml"
_ENV_VAR = re.compile(r"""env_var\(\s*['"](\w+)['"]\s*\)""")
# The name of the profile's output decides more than a connection.
_TARGET = re.compile(r"^\s*target\s*:.*$", re.MULTILINE)
_TEXTS = {".sql", ".yml", ".yaml", ".py"}


@contextmanager
def placeholders(folders: Iterable[Path]) -> Iterator[Mapping[str, str]]:
    """Set the variables that are missing and that only profiles name; yield their values."""
    projects = [folder for folder in folders if (folder / _PROJECT).is_file()]
    names = [name for folder in projects for name in _only_in_profile(folder)]
    made = {name: placeholder(name) for name in names}
    with variables(made):
        yield made


def require_names(models: Iterable[Model], made: Mapping[str, str]) -> None:
    """Refuse models whose name has a placeholder in it.

    Raises:
        ProjectError: it names the model and the variable.
    """
    for model in models:
        for name, value in made.items():
            if value in model.fqn:
                raise ProjectError(
                    f"{_PROFILE}: the names of models need the environment variable {name}, which "
                    "is not set",
                    hint=f"Set {name} for the generator, too.",
                )


def _only_in_profile(folder: Path) -> set[str]:
    """Return the missing variables of a project's profile that none of its other files names."""
    chosen = os.environ.get("DBT_PROFILES_DIR")
    places = (folder / chosen,) if chosen else (folder, Path.home() / ".dbt")
    profile = next((each / _PROFILE for each in places if (each / _PROFILE).is_file()), None)
    text = profile.read_text(encoding="utf-8", errors="replace") if profile else ""
    decisive = "".join(_TARGET.findall(text))
    found = {*_ENV_VAR.findall(text)} - {*_ENV_VAR.findall(decisive)}
    missing = found - os.environ.keys()
    for place, folders, names in os.walk(folder) if missing else ():
        folders[:] = [each for each in folders if each[0] != "." and each != "target"]
        for file in (Path(place, name) for name in names if name != _PROFILE):
            if file.suffix in _TEXTS and file.is_file():
                other = file.read_text(encoding="utf-8", errors="replace")
                missing = {name for name in missing if name not in other}
    return missing
