"""The project in this folder as dg-sqlmesh makes Definitions of it, when it is imported."""

from dg_sqlmesh import (  # type: ignore[import-not-found]  # it has an environment of its own
    sqlmesh_definitions_factory,
)

defs = sqlmesh_definitions_factory(project_dir="project", gateway="local", environment="prod")
