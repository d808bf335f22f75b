"""Models of one project that another one hides: of one name, SQLMesh takes the last project's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from sqlmesh.core.model import Model

from .records import TableName

Projects = Sequence[tuple[str, Mapping[str, Model]]]


def warnings(projects: Projects) -> Iterator[str]:
    """Yield a warning for each project that hides models of an earlier one, with their names.

    `projects` are the folder name and the models by fqn of each project, in the order of loading.
    """
    hidden: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for place, (name, models) in enumerate(projects):
        for fqn, model in models.items():
            later = [(each, found[fqn]) for each, found in projects[place + 1 :] if fqn in found]
            if later and not model.kind.is_symbolic:
                other, last = later[-1]
                hidden[other, name, last.kind.is_external].append(str(TableName.of(fqn)))
    for (other, name, is_external), fqns in sorted(hidden.items()):
        if is_external:
            how, remedy = "declares them as external tables", f"Name {other} before {name}."
        else:
            how, remedy = "has models of these names", "Rename them in one of the projects."
        yield (
            f"models of the project {name} are hidden, because {other} {how}: "
            f"{', '.join(sorted(fqns))}. {remedy}"
        )
