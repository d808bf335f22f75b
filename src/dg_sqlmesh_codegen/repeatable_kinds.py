"""The kinds of models that run when data lands. Generator and runtime must agree on them."""

from __future__ import annotations

# To evaluate the last interval of these again is the same as to evaluate it later. INCREMENTAL_
# UNMANAGED would append its rows twice, SCD_TYPE_2 would write history that its cron does not say,
# and what a custom kind does is not known.
REPEATABLE_KINDS = frozenset(
    {
        "FULL",
        "VIEW",
        "INCREMENTAL_BY_TIME_RANGE",
        "INCREMENTAL_BY_UNIQUE_KEY",
        "INCREMENTAL_BY_PARTITION",
    }
)
