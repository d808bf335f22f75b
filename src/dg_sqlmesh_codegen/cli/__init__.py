"""The command line."""

from .app import command, main

__all__ = ["command", "main"]
