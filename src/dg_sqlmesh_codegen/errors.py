"""What can go wrong on a person's side, each with the exit code that is contract."""

from __future__ import annotations

import click


class CodegenError(Exception):
    """An expected error: said in one line, without a traceback.

    Args:
        header: what is wrong, and where (file, model, gateway).
        detail: the reason, in the words of the tool that refused.
        hint: the command or the setting that mends it.
    """

    exit_code = 3

    def __init__(self, header: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(header)
        self.header = header
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        """The whole message in one line, whatever line breaks and colours its parts hold."""
        line = f"{self.header}: {self.detail}" if self.detail else self.header
        line = " ".join(click.unstyle(line).split())
        return f"{line.rstrip('. ')}. {' '.join(self.hint.split())}" if self.hint else line


class UsageError(CodegenError):
    """Bad arguments or configuration, or an output folder that is not ours to write."""

    exit_code = 2


class SettingError(UsageError):
    """A value of the configuration that only its use shows to be wrong.

    `key` is the key of `Config`; whoever read the configuration adds to the message where it is.
    """

    def __init__(self, key: str, header: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(header, detail=detail, hint=hint)
        self.key = key


class CommonNameError(UsageError):
    """Two packages of one code location have a name or an asset in common."""


class ProjectError(CodegenError):
    """The SQLMesh project could not be loaded, or not be translated to Dagster."""

    exit_code = 3
