"""What a reviewer would otherwise have to check by hand; linters are steps of `.ci/run`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path


def test_each_package_of_the_dev_extra_is_listed_once(root: Path) -> None:
    pyproject = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    extra = pyproject["project"]["optional-dependencies"]["dev"]
    names = [re.split(r"[<>=\[]", each)[0] for each in extra]

    assert [name for name in set(names) if names.count(name) > 1] == []
    assert "psutil" in names
