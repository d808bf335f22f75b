"""Tests that hold with newer versions of SQLMesh only. The matrix shows the reasons."""

from __future__ import annotations

from importlib.metadata import version

import pytest


def since(oldest: str, reason: str) -> pytest.MarkDecorator:
    """Return a mark that leaves a test out if SQLMesh is older."""

    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(".")[:2]]

    older = numbers(version("sqlmesh")) < numbers(oldest)
    return pytest.mark.skipif(older, reason=f"{reason} (SQLMesh {oldest})")
