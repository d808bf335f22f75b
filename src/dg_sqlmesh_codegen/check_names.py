"""The names of asset checks. Do not change them: Dagster keeps a check's history by its name."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

EXECUTION_STATUS_CHECK = "sqlmesh_execution_status"

# The use of an audit: its name, its arguments as SQL by name, and whether it is standalone.
Use = tuple[str, tuple[tuple[str, str], ...], bool]

_IDENTIFIER = re.compile(r"[^A-Za-z0-9_]")
_MAX_ARGUMENTS = 48


def check_names(uses: Sequence[Use]) -> tuple[str, ...]:
    """Return the check name of each audit of one model; it depends only on how they are used.

    An audit that is used once keeps its name. If there are several uses, the arguments are added:
    `not_null` on two columns becomes `not_null__order_id` and `not_null__customer_id`.
    """
    counts = Counter(map(_plain, uses))
    names = [_plain(use) if counts[_plain(use)] == 1 else _with_arguments(use) for use in uses]
    taken = Counter([*names, EXECUTION_STATUS_CHECK])
    return tuple(
        name if taken[name] == 1 else f"{name}_{digest(use)}"
        for name, use in zip(names, uses, strict=True)
    )


def digest(value: object) -> str:
    """Return a short digest of a value's `repr`."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:8]


def _plain(use: Use) -> str:
    return _IDENTIFIER.sub("_", use[0])


def _with_arguments(use: Use) -> str:
    text = "_".join(value for _, value in use[1])
    words = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower()
    if len(words) > _MAX_ARGUMENTS:
        words = f"{words[:_MAX_ARGUMENTS].rstrip('_')}_{digest(use)}"
    return f"{_plain(use)}__{words}" if words else _plain(use)
