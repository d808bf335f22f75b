"""Runs SQLMesh on the project in this folder as `sqlmesh run` does; prints the seconds of each.

Without the command line and the import of SQLMesh, which a code server pays for once.
"""

import json
import time

from sqlmesh import Context


def run() -> float:
    started = time.perf_counter()
    context = Context(paths="project", load=False)
    status = context.run("prod", skip_janitor=True)
    context.close()
    assert status.is_nothing_to_do, status
    return time.perf_counter() - started


print(json.dumps({"first": run(), "later": run()}))
