"""A project's graph as SQLMesh itself has it, and as a generated package has it, as JSON.

`python oracle.py sqlmesh CONFIG FOLDER...` and `python oracle.py package`. The first reads
`context.dag`, `model.audits_with_args` and the snapshots' fingerprints, and shares no code with the
generator; the second imports `defs` from the working directory.
"""

from __future__ import annotations

import json
import sys
from inspect import signature
from typing import Any

Graph = dict[str, Any]


def of_sqlmesh(config: str, folders: list[str]) -> Graph:
    from sqlglot import exp  # noqa: PLC0415 - each process needs one half only
    from sqlmesh import Context  # noqa: PLC0415

    options: dict[str, Any] = {"load_state": False}  # new in SQLMesh 0.236
    if "load_state" not in signature(Context.__init__).parameters:
        options.clear()
    context = Context(paths=folders, config=config or None, **options)
    models = context.models

    def key(fqn: str) -> str:
        return "/".join(part.name for part in exp.to_table(fqn).parts)

    def upstream(fqn: str) -> set[str]:
        found = set()
        for dep in context.dag.graph.get(fqn, ()):
            embedded = dep in models and models[dep].kind.is_embedded
            found |= upstream(dep) if embedded else {key(dep)}
        return found

    assets = {}
    for fqn, snapshot in context.snapshots.items():
        if snapshot.is_model and not snapshot.is_symbolic:
            uses = [
                [
                    audit.name,
                    sorted(
                        (k, v.sql(snapshot.model.dialect))
                        for k, v in args.items()
                        if k != "blocking"
                    ),
                ]
                for audit, args in snapshot.model.audits_with_args
                if not audit.skip
            ]
            assets[key(fqn)] = {
                "edges": sorted(upstream(fqn) - {key(fqn)}),
                "code_version": snapshot.fingerprint.data_hash,
                "audits": sorted({json.dumps(use) for use in uses}),
            }
    standalone = sorted(name for name, node in context.snapshots.items() if node.is_audit)
    return {"assets": assets, "standalone": standalone}


def of_package() -> Graph:
    from defs.definitions import defs  # type: ignore[import-not-found]  # noqa: PLC0415
    from defs.models import MODELS  # type: ignore[import-not-found]  # noqa: PLC0415

    graph = defs.resolve_asset_graph()
    assets = {}
    for model in MODELS:
        node = graph.get(model.spec.key)
        assets[model.spec.key.to_user_string()] = {
            "edges": sorted(parent.to_user_string() for parent in node.parent_keys),
            "code_version": node.code_version,
            "audits": sorted(
                json.dumps([check.audit.name, sorted(check.args.items())])
                for check in model.audit_checks
                if not check.audit.standalone
            ),
        }
    standalone = [
        check.audit.name
        for model in MODELS
        for check in model.audit_checks
        if check.audit.standalone
    ]
    return {
        "assets": assets,
        "standalone": sorted(standalone),
        "checks": len(graph.asset_check_keys),
    }


if __name__ == "__main__":
    half, *arguments = sys.argv[1:]
    found = of_package() if half == "package" else of_sqlmesh(arguments[0], arguments[1:])
    sys.stdout.write(json.dumps(found))
