"""Where things are in a generated package, relative to its folder."""

from pathlib import PurePosixPath

MODELS_FOLDER = "models"
EXTERNALS_FOLDER = "externals"
DEFINITIONS = PurePosixPath("definitions.py")
AUDITS = PurePosixPath("audits.py")
# The modules that import all others of their folder, by path.
INDEXES = {PurePosixPath(name, "__init__.py"): name for name in (MODELS_FOLDER, EXTERNALS_FOLDER)}
