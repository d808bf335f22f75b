"""A dbt project whose profile needs variables that are not set."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.errors import ProjectError
from dg_sqlmesh_codegen.sqlmesh_project import describe
from dg_sqlmesh_codegen.sqlmesh_project.dbt_profiles import placeholders
from dg_sqlmesh_codegen.sqlmesh_project.records import Source
from projects import write

pytestmark = pytest.mark.sqlmesh

PROFILE = """
shop:
  target: dev
  outputs:
    dev:
      type: duckdb
      path: {path}
      settings: {{memory_limit: "{{{{ env_var('SHOP_LIMIT') }}}}"}}
"""
FILES = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\n"
    "models: {+start: '2026-01-01'}\n",
    "config.py": "from pathlib import Path\nfrom sqlmesh.dbt.loader import sqlmesh_config\n"
    "config = sqlmesh_config(Path(__file__).parent)\n",
    "models/one.sql": "select 1 as id",
    "profiles.yml": PROFILE.format(path="shop.duckdb"),
}


def test_variables_that_only_the_connection_needs(tmp_path: Path) -> None:
    write(tmp_path, FILES)

    found = describe.inspect(Source((tmp_path,)))

    assert [each.name for each in found.models] == ["shop.main.one"]


def test_a_name_that_needs_a_variable(tmp_path: Path) -> None:
    profile = PROFILE.format(path="\"{{ env_var('SHOP_PATH') }}\"")
    write(tmp_path, {**FILES, "profiles.yml": profile})

    with pytest.raises(ProjectError, match="the environment variable SHOP_PATH"):
        describe.inspect(Source((tmp_path,)))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, ["SHOP_LIMIT"]),
        ({"models/two.sql": "select {{ env_var('SHOP_LIMIT') }} as a"}, []),
        ({"profiles.yml": "shop: {\n  target: \"{{ env_var('SHOP_LIMIT') }}\"}"}, []),
        ({"profiles.yml": "a: \"{{ env_var('SHOP_LIMIT', 'x') }}\""}, []),
    ],
)
def test_only_variables_of_the_profile_alone_get_a_placeholder(
    more: dict[str, str], expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {**FILES, **more})

    with placeholders([tmp_path]) as made:
        assert [*made] == expected
        assert all(value.isdigit() for value in made.values())
    monkeypatch.setenv("SHOP_LIMIT", "1GB")
    with placeholders([tmp_path]) as made:
        assert made == {}
