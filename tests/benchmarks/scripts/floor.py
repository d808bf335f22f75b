"""Dagster's own price: an op with the keys and checks of the generated package that only yields.

And a job of one such asset, which is what starting up costs.
"""

from collections.abc import Iterator
from graphlib import TopologicalSorter

import dagster as dg
from defs.models import MODELS  # type: ignore[import-not-found]  # in the working directory

BY_KEY = {model.spec.key: model for model in MODELS}
# Dagster wants an op's assets in the order of their dependencies.
ORDER = TopologicalSorter(
    {key: [dep.asset_key for dep in model.spec.deps] for key, model in BY_KEY.items()}
)
IN_ORDER = [BY_KEY[key] for key in ORDER.static_order() if key in BY_KEY]


@dg.multi_asset(
    specs=[model.spec for model in MODELS],
    check_specs=[check for model in MODELS for check in model.check_specs],
    can_subset=True,
)
def floor() -> Iterator[dg.MaterializeResult[None]]:
    for model in IN_ORDER:
        yield dg.MaterializeResult(
            asset_key=model.spec.key,
            check_results=[
                dg.AssetCheckResult(passed=True, asset_key=check.asset_key, check_name=check.name)
                for check in model.check_specs
            ],
        )


@dg.asset
def nothing() -> None: ...


defs = dg.Definitions(
    assets=[floor, nothing],
    jobs=[
        dg.define_asset_job("floor_job", dg.AssetSelection.assets(floor)),
        dg.define_asset_job("nothing_job", dg.AssetSelection.assets(nothing)),
    ],
)
