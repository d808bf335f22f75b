"""Tests that hold with newer versions of SQLMesh or Dagster only. The matrix shows the reasons."""

from __future__ import annotations

from importlib.metadata import version

import pytest

NAMES = {"sqlmesh": "SQLMesh", "dagster": "Dagster"}


def since(oldest: str, reason: str, host: str = "sqlmesh") -> pytest.MarkDecorator:
    """Return a mark that leaves a test out if the host is older."""

    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(".")[:2]]

    older = numbers(version(host)) < numbers(oldest)
    return pytest.mark.skipif(older, reason=f"{reason} ({NAMES[host]} {oldest})")


FRESHNESS = since("1.12", "freshness policies", "dagster")
