"""A run launcher that could launch anywhere, for instances of tests."""

from __future__ import annotations

from dagster._core.launcher import DefaultRunLauncher


class ElsewhereRunLauncher(DefaultRunLauncher):
    """Launches nothing; tests need a class that is not one of Dagster's own."""
