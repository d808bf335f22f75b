"""The records of a package -> the asset specs that Dagster gets.

The modules of a package hold plain literals, each fact once. What Dagster wants in types of its
own, or in Markdown, is made here.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urljoin

import dagster as dg

from .cron_words import in_words
from .dagster import compat
from .records import ModelAsset, sql_block
from .results.model_results import TABLE_NAME
from .run_target import PROD

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_QUERIES = ("sqlmesh/query", "sqlmesh/rendered_query")


def asset_specs(
    models: Sequence[ModelAsset], sources: Path | str, environment: str = PROD
) -> list[dg.AssetSpec]:
    """Return the assets of a package with links to their files, and with Markdown.

    Args:
        models: every model of the package.
        sources: the package's folder, or its address in a web view of its repository.
        environment: the SQLMesh environment. The package has the names of prod's tables; those of
            another one are known when SQLMesh runs, and its materializations have them.
    """
    folder = sources.resolve() if isinstance(sources, Path) else sources
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # of each code reference
        specs = [_asset_spec(model, folder) for model in models]
    return specs if environment == PROD else [_without_table(spec) for spec in specs]


def _without_table(spec: dg.AssetSpec) -> dg.AssetSpec:
    metadata = {key: value for key, value in spec.metadata.items() if key != TABLE_NAME}
    return spec.replace_attributes(metadata=metadata)


def _asset_spec(model: ModelAsset, sources: Path | str) -> dg.AssetSpec:
    spec = model.spec
    texts = (spec.description, ", ".join(_facts(spec.metadata)))
    metadata = {key: _shown(key, value) for key, value in spec.metadata.items()}
    if model.source:
        reference = _code_reference(model.source, model.source_line, sources)
        value = dg.CodeReferencesMetadataValue(code_references=[reference])
        metadata["dagster/code_references"] = value
    shown = spec.replace_attributes(
        description="\n\n".join(filter(None, texts)) or None, metadata=metadata
    )
    return compat.with_freshness(shown, _window(model.freshness)) if model.freshness else shown


def _shown(key: str, value: object) -> object:
    """Return metadata as it is easy to read: a query as Markdown, a list of names in one line."""
    if key in _QUERIES and isinstance(value, str):
        return sql_block(value)
    if key.startswith("sqlmesh/") and isinstance(value, list):
        return ", ".join(map(str, value))
    return value


def _window(freshness: str) -> timedelta:
    """Return the time of `90m`, `25h` or `2d`."""
    return int(freshness[:-1]) * _UNITS[freshness[-1]]


def _code_reference(
    source: str, line: int | None, sources: Path | str
) -> dg.LocalFileCodeReference | dg.UrlCodeReference:
    if isinstance(sources, Path):
        path = os.path.normpath(sources / source)  # also where the project is not deployed
        return dg.LocalFileCodeReference(file_path=path, line_number=line)
    url = urljoin(sources, quote(source))
    return dg.UrlCodeReference(url=f"{url}#L{line}" if line else url)


def _facts(metadata: Mapping[str, object]) -> Iterator[str]:
    """Yield kind, cron and grain, as far as the package has them.

    Dagster shows the cron of the schedule at each asset, and that is the cron of all models.
    """
    kind, cron = metadata.get("sqlmesh/kind"), metadata.get("sqlmesh/cron")
    if kind:
        yield f"`{kind}` model"
    if kind == "SEED":
        yield "evaluated by `sqlmesh plan`"
    elif cron:
        timezone = str(metadata.get("sqlmesh/cron_tz") or "UTC")
        words = in_words(str(cron), timezone)
        yield f"{words} (cron `{cron}`)" if words else f"cron `{cron}` in {timezone}"
    grain = metadata.get("sqlmesh/grain")
    if isinstance(grain, Sequence) and not isinstance(grain, str):
        yield f"grain {', '.join(f'`{each}`' for each in grain)}"
