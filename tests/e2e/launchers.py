"""A run launcher that could launch anywhere, for instances of tests."""

from __future__ import annotations

from dagster._core.launcher import DefaultRunLauncher


class ElsewhereRunLauncher(DefaultRunLauncher):
    """Launches nothing anywhere: what counts is that it is none of Dagster's own."""
