"""A run whose error holds secrets: what Dagster stores of it."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest

from e2e import workshop
from e2e.shop import materialize
from leaks import HEADERS, PLACES, SECRET, SPELLINGS, in_place
from projects import model

pytestmark = pytest.mark.dagster

IN_DEFAULT = "pepper-of-them-all"
# No model uses these connections; an error message contains their passwords.
GATEWAY = f"""
  warehouse:
    connection:
      {{type: postgres, host: db.example, port: 5432, user: me, password: {json.dumps(SECRET)},
        database: x}}
default_connection:
  {{type: postgres, host: db.example, port: 5432, user: me, password: {IN_DEFAULT}, database: x}}
"""
# `told.txt` holds every text of `leaks`.
MODEL = """
from pathlib import Path
import pandas as pd
from sqlmesh import ExecutionContext, model

@model("work.fails", kind="FULL", columns={"n": "int"})
def execute(context: ExecutionContext, **kwargs: object) -> pd.DataFrame:
    if Path("told.txt").exists():
        try:
            raise ConnectionError(Path("told.txt").read_text())
        except ConnectionError as error:
            raise RuntimeError(Path("told.txt").read_text()) from error
    return pd.DataFrame({"n": [1]})
"""
SIGNAL = """
from sqlmesh import signal
from pathlib import Path

@signal()
def broken(batch):
    if Path("told.txt").exists():
        raise ConnectionError(Path("told.txt").read_text())
    return True
"""


@pytest.mark.parametrize("where", ["model", "signal"])
def test_no_secret_is_stored(workplace: Path, where: str) -> None:
    spelled = [IN_DEFAULT, *(spell(SECRET) for spell in SPELLINGS.values())]
    spelled += [encode(f"me:{SECRET}".encode()).decode() for encode in HEADERS]
    placed = [f"tomato{number}-soup" for number in range(len(PLACES))]
    files = {
        "model": {"models/fails.py": MODEL},
        "signal": {
            "models/a.sql": model("work.a", kind="FULL", signals="(broken())"),
            "signals/__init__.py": SIGNAL,
        },
    }[where]
    shop = workshop.make(workplace, files, gateways=GATEWAY)
    texts = [*spelled, *map(in_place, PLACES, placed)]
    (workplace / "told.txt").write_text("\n\n".join(texts), encoding="utf-8")
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = materialize(shop, instance=instance)
        entries = instance.all_logs(outcome.run_id)
        stored = "".join(dg.serialize_value(entry) + entry.user_message for entry in entries)

    assert outcome.failure
    assert "ConnectionError" in stored
    assert "postgresql+psycopg2://me:***@db.example" in stored
    assert [each for each in placed if each in stored] == []
    assert [each for each in spelled if each in stored or json.dumps(each)[1:-1] in stored] == []
