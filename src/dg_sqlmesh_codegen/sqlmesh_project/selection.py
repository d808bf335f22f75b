"""SQLMesh's selectors -> the models that they select, without state or git."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from itertools import chain

from sqlglot.errors import SqlglotError
from sqlmesh import Context
from sqlmesh.utils.errors import SQLMeshError

from dg_sqlmesh_codegen.errors import SettingError

from . import compat
from .records import Selectors, TableName

_SYNTAX = "Example: tag:finance, +marts.orders, marts.* or (tag:a & ^raw.*)."
_UNFINISHED = "names need & or | between them, and a second & parentheses: (a & b) & c"
_GIT = re.compile(r"(?<![\w.])git\s*:", re.IGNORECASE)
# What stands around the names in a selector.
_OPERATORS = re.compile(r"[\s()&|^+]+")


def of_package(context: Context, selectors: Selectors) -> frozenset[str]:
    """Return the fqns of the models that a package holds: those that SQLMesh evaluates.

    Raises:
        SettingError: a selector cannot be read or matches no model, or nothing is left.
    """
    resolver = _Resolver(context)
    return resolver.resolve(selectors, frozenset(resolver.names), ("", ""))


def of_jobs(
    context: Context, jobs: Mapping[str, Selectors], package: frozenset[str]
) -> dict[str, frozenset[str]]:
    """Return the fqns of the models of each job, which are models of the package.

    Raises:
        SettingError: as `of_package`.
    """
    resolver = _Resolver(context)
    return {
        name: resolver.resolve(selectors, package, ("jobs", f"job {name}: "))
        for name, selectors in jobs.items()
    }


class _Resolver:
    def __init__(self, context: Context) -> None:
        """Keep the models that can be selected, each with the names that it answers to."""
        self._context = context
        self.names = {
            fqn: {model.name, str(TableName.of(fqn)), *(f"tag:{tag}" for tag in model.tags)}
            for fqn, model in context.models.items()
            if not model.kind.is_symbolic
        }

    def resolve(
        self, selectors: Selectors, among: frozenset[str], place: tuple[str, str]
    ) -> frozenset[str]:
        """Resolve selectors; `place` is the key of the configuration and a job, for errors."""
        key, job = place
        found = among
        if selectors.select:
            found = among & self._all_of(selectors.select, key or "select", job)
        found -= self._all_of(selectors.exclude, key or "exclude", job)
        if not found:
            what = f"{job}{selectors} selects no model{' of the package' if job else ''}"
            key = key or ("select" if selectors.select else "exclude")
            raise SettingError(key, what, hint=f"Change the selectors. {_SYNTAX}")
        return found

    def _all_of(self, selectors: Iterable[str], key: str, job: str) -> frozenset[str]:
        found = (self._matching(each, key, job) for each in selectors)
        return frozenset(chain.from_iterable(found))

    def _matching(self, selector: str, key: str, job: str) -> frozenset[str]:
        if _GIT.search(selector):
            what = f"{job}the selector {selector!r} depends on git, and a package must not"
            raise SettingError(key, what, hint=f"Name models or tags. {_SYNTAX}")
        try:
            found = compat.expand_selector(self._context, selector) & self.names.keys()
        except (SQLMeshError, SqlglotError) as error:
            # SQLMesh adds a position in the tokens of another text, with a parenthesis around it.
            reason = str(error).partition(" at index")[0]
            reason = _UNFINISHED if "R_PAREN" in reason else reason
            what = f"{job}SQLMesh cannot read the selector {selector!r}"
            raise SettingError(key, what, detail=reason, hint=_SYNTAX) from error
        if not found:
            what = f"{job}the selector {selector!r} matches no model"
            raise SettingError(key, what, hint=self._nearest(selector))
        return frozenset(found)

    def _nearest(self, selector: str) -> str:
        lower = {name.lower(): name for name in sorted({*chain(*self.names.values())})}
        words = [word.strip("*.") for word in _OPERATORS.split(selector.lower())]
        close = chain(*(difflib.get_close_matches(word, lower, n=3) for word in words if word))
        found = [*dict.fromkeys(lower[each] for each in close)][:3]
        return f"Did you mean {' or '.join(found)}?" if found else _SYNTAX
