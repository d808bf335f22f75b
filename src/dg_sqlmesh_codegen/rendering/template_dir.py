"""Where our own templates are."""

from pathlib import Path


def template_dir() -> Path:
    """Return the templates' folder: in an installed package, or beside `src` in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "codegen_templates"
    return installed if installed.is_dir() else package.parents[1] / "codegen_templates"
