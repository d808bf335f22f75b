"""What one generation is asked to do: one frozen, validated record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import UsageError
from .project import Source

DEFAULT_ENVIRONMENT = "prod"


@dataclass(frozen=True, slots=True)
class Config:
    """Where the SQLMesh projects are, where the package goes and what it runs.

    Args:
        projects: SQLMesh project folders, loaded together.
        out: folder of the generated package.
        gateway: SQLMesh gateway; None is the project's default one.
        environment: SQLMesh environment that the generated resource runs.
        config_name: which configuration of a project's config.py; None is the one named `config`.
        default_catalogs: pairs of gateway and catalog, for gateways whose catalog only the
            warehouse could tell; None as the gateway stands for every such one.

    Raises:
        UsageError: a project folder that does not exist, or an output that is a file.
    """

    projects: tuple[Path, ...]
    out: Path
    gateway: str | None = None
    environment: str = DEFAULT_ENVIRONMENT
    config_name: str | None = None
    default_catalogs: tuple[tuple[str | None, str], ...] = ()

    @property
    def source(self) -> Source:
        """What the inspector has to load."""
        return Source(self.projects, self.gateway, self.config_name, self.default_catalogs)

    def __post_init__(self) -> None:
        if not self.projects:
            raise UsageError(
                "no SQLMesh project was named", hint="Name its folder: PROJECT -o OUT."
            )
        for project in self.projects:
            if not project.is_dir():
                raise UsageError(
                    f"no such SQLMesh project folder: {project}",
                    hint="Name the folder that holds the project's config.yaml or config.py.",
                )
        if self.out.exists() and not self.out.is_dir():
            raise UsageError(f"{self.out} is not a folder", hint="Name a folder with -o.")
        if not self.environment.strip():
            raise UsageError("the environment has no name", hint="Name one with --environment.")
