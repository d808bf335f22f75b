"""What is wrong in a defs.yaml, in the names that stand there."""

from __future__ import annotations

from pathlib import Path

import pytest

from refusals import COMPONENT, GROUP, OWNER, error_of

ONE_NEEDED = (
    "components of type dg_sqlmesh_codegen.SQLMeshProjectComponent, and one is needed. "
    "Write `type: dg_sqlmesh_codegen.SQLMeshProjectComponent`, or name another folder with -o."
)

# Attributes of defs.yaml -> what is said behind the file.
ATTRIBUTES = [
    ("group_name: 2026", "group_name = 2026 is refused: write a text in quotes"),
    ("group_name: no", "group_name = false is refused: write a text in quotes"),
    ("environment:", "environment has no value. Write a text in quotes."),
    ("op_tags: {team: }", "op_tags.team has no value. Write a mapping of texts to their values."),
    ("op_tags: {1: a}", "op_tags.1 = 1 is refused: write a mapping of texts to their values"),
    ("owners: [team:a, ana]", f'owners[1] = "ana" is refused: {OWNER}'),
    ("group_name: a\ngroup_name: b", "is no YAML: the key group_name stands there twice (line 4"),
    ("enable_schedule: 'false'", 'enable_schedule = "false" is refused: write true or false'),
    (
        "concurrency_jobs_limit: 2\nconcurrent_tasks: 2",
        "concurrency_jobs_limit and concurrent_tasks say the same thing twice",
    ),
    ("concurrency_jobs_limit: '2'", 'concurrency_jobs_limit = "2" is refused: write a whole'),
    ("default_group_name: a b", f'default_group_name = "a b" is refused: {GROUP}'),
    (
        "projects: ../shop\nsqlmesh_config: {project_path: ../shop}",
        "projects and sqlmesh_config.project_path say the same thing twice",
    ),
    (
        "sqlmesh_config: {project_path: nowhere}",
        "sqlmesh_config.project_path: no such SQLMesh project folder: defs/nowhere. Name the",
    ),
    ("sqlmesh_config: {gateway: 3}", "sqlmesh_config.gateway = 3 is refused: write a text"),
    (
        "sqlmesh_config: {project_dir: ../shop}",
        "unknown key sqlmesh_config.project_dir. Known are: project_path, gateway, environment.",
    ),
    ("sqlmesh_config: ../shop", "sqlmesh_config is no mapping. Write project_path."),
    ("gruop_name: a", "unknown key gruop_name. Did you mean group_name?"),
    ("1: a", "unknown key 1. Did you mean"),
    ("out: a", "out is the folder of defs.yaml itself. Remove the key."),
    (
        "group_name: '{{ nobody }}'",
        "group_name does not render: 'nobody' is undefined. While generating there are "
        "`project_root` and `env`.",
    ),
    ("group_name: '{{ env.X'", "group_name does not render: unexpected end of template"),
    ("group_name: '{{ 1 / 0 }}'", "group_name does not render: division by zero."),
    (
        "group_name: \"{{ env('NOT_SET') }}\"",
        "group_name does not render: NOT_SET is not set, and env('NOT_SET', ...) names no default",
    ),
    ("owners: ['{{ nobody }}']", "owners[0] does not render: 'nobody' is undefined."),
    ("op_tags: {team: '{{ nobody }}'}", "op_tags.team does not render: 'nobody' is undefined."),
    (
        "external_asset_mapping: '{{ node.name'",
        'external_asset_mapping = "{{ node.name" is refused: it is no template: unexpected end',
    ),
]


@pytest.mark.parametrize(("attributes", "said"), ATTRIBUTES)
def test_in_defs_yaml(
    attributes: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_defs(folder, "\n  ".join((f"{COMPONENT}attributes:", *attributes.splitlines())))
    colon = "" if said.startswith("is no") else ":"
    arguments = ("-o", "defs") if "project_path" in attributes else ("shop", "-o", "defs")

    assert error_of(capsys, *arguments).startswith(f"error: defs/defs.yaml{colon} {said}")


def write_defs(folder: Path, text: str) -> None:
    (folder / "defs").mkdir()
    (folder / "defs" / "defs.yaml").write_text(text, encoding="utf-8")


MALFORMED_DEFS = [
    ("", f" holds no {ONE_NEEDED}"),
    ("type: dg_sqlmesh.SQLMeshProjectComponent\n", f" holds no {ONE_NEEDED}"),
    ("- a\n", f" holds no {ONE_NEEDED}"),
    (f"{COMPONENT}---\n{COMPONENT}", f" holds 2 {ONE_NEEDED}"),
    ("a: [", " is no YAML: expected the node content, but found '<stream end>' (line 1, column 5)"),
    ("\ta: 1", " is no YAML: found character '\\t' that cannot start any token (line 1, column 1)"),
    (f"{COMPONENT}attributes: shop\n", ": attributes is no mapping"),
    (f"{COMPONENT}attributes: []\n", ": attributes is no mapping"),
    (
        f"{COMPONENT}group_name: marts\n",
        ": unknown key group_name beside attributes. What configures the component stands below "
        "attributes; beside it there are type, attributes, template_vars_module, requirements, "
        "post_processing.",
    ),
]


@pytest.mark.parametrize(("text", "said"), MALFORMED_DEFS)
def test_a_defs_yaml_that_cannot_be_read(
    text: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_defs(folder, text)

    assert error_of(capsys, "shop", "-o", "defs") == f"error: defs/defs.yaml{said}"
