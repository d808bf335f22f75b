"""Every wrong value in pyproject.toml, and the one line that a person gets for it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.config.model import KEYS, RetryPolicy
from refusals import GROUP, OWNER, TABLE, error_of

KEY_LIST = (
    "kind, materialized, forward_only, dialect, gateway, cron, cron_tz, start, signals, tags, "
    "grain, partitioned_by, clustered_by, source, query"
)
TAG = "a tag's value is a text, a number, true or false, or made of these"
SCHEDULE = "a schedule's name is made of letters, digits and _, no digit first"
TAKEN = "the generated definitions.py has something else of that name"
RESERVED = "Python or Dagster reserves that name"
CATALOGS = "write a catalog in quotes, or a mapping of gateways to their catalogs"
FOLDER = "write a folder in quotes"
POLICY = "write a mapping of max_retries, delay, backoff and jitter"
CONTROL = "a path holds no control characters; write / between folders"

# One line of the table -> what is said behind the file and the table's name.
PYPROJECT = [
    ("projects = 3", "projects = 3 is refused: write a folder in quotes, or a list of folders"),
    (
        "projects = [3]",
        "projects[0] = 3 is refused: write a folder in quotes, or a list of folders",
    ),
    (
        "projects = []",
        "projects: no SQLMesh project was named. Name its folder (PROJECT -o OUT), or write "
        "`projects` into the [tool.dg_sqlmesh_codegen] table of pyproject.toml.",
    ),
    ('projects = ""', 'projects = "" is refused: an empty text names no folder'),
    ('projects = ["shop", ""]', 'projects[1] = "" is refused: an empty text names no folder'),
    (
        'projects = "nowhere"',
        "projects: no such SQLMesh project folder: nowhere. Name the folder that holds the "
        "project's config.yaml or config.py.",
    ),
    (
        r"projects = 'work\shop'",
        r"projects: no such SQLMesh project folder: work\shop. Write / between folders, which "
        "every system takes.",
    ),
    (r'projects = "C:\temp"', rf'projects = "C:\temp" is refused: {CONTROL}'),
    ("out = 3", f"out = 3 is refused: {FOLDER}"),
    ('out = ["a"]', f'out = ["a"] is refused: {FOLDER}'),
    ('out = ""', 'out = "" is refused: an empty text names no folder'),
    (
        'out = "pyproject.toml"',
        "out: pyproject.toml is not a folder. Name a folder with -o.",
    ),
    ("gateway = 3", "gateway = 3 is refused: write a text in quotes"),
    ("gateway = 2026-01-01", "gateway = 2026-01-01 is refused: write a text in quotes"),
    ('gateway = ""', 'gateway = "" is refused: an empty text is no value'),
    ("environment = true", "environment = true is refused: write a text in quotes"),
    (
        'environment = " "',
        "environment: the environment has no name. Name one with --environment.",
    ),
    ("config_name = 1.5", "config_name = 1.5 is refused: write a text in quotes"),
    ("default_catalogs = 3", f"default_catalogs = 3 is refused: {CATALOGS}"),
    ('default_catalogs = ["a"]', f'default_catalogs = ["a"] is refused: {CATALOGS}'),
    ("default_catalogs = {local = 3}", f"default_catalogs.local = 3 is refused: {CATALOGS}"),
    (
        'default_catalogs = {local = ""}',
        'default_catalogs.local = "" is refused: an empty text is no value',
    ),
    (
        'default_catalogs = {Local = "a", local = "b"}',
        'default_catalogs = {"Local": "a", "local": "b"} is refused: gateway local has one '
        "default catalog, not a and b",
    ),
    (
        'concurrent_tasks = "4"',
        'concurrent_tasks = "4" is refused: write a whole number above 0',
    ),
    ("concurrent_tasks = 0", "concurrent_tasks = 0 is refused: write a whole number above 0"),
    (
        "concurrent_tasks = true",
        "concurrent_tasks = true is refused: write a whole number above 0",
    ),
    ("group_name = 3", "group_name = 3 is refused: write a text in quotes"),
    ('group_name = "our marts"', f'group_name = "our marts" is refused: {GROUP}'),
    ('group_name = "a//b"', f'group_name = "a//b" is refused: {GROUP}'),
    ('group_name = "größe"', f'group_name = "größe" is refused: {GROUP}'),
    ('op_tags = "data"', 'op_tags = "data" is refused: write a mapping of texts to their values'),
    ('op_tags = ["a"]', 'op_tags = ["a"] is refused: write a mapping of texts to their values'),
    ("op_tags = {day = 2026-01-01}", f"op_tags.day = 2026-01-01 is refused: {TAG}"),
    ("op_tags = {top = inf}", f"op_tags.top = Infinity is refused: {TAG}"),
    ('op_tags = {"" = "a"}', 'op_tags."" = "" is refused: an empty text is no value'),
    ("owners = 3", "owners = 3 is refused: write a list of e-mail addresses and team:names"),
    ('owners = "ana"', f'owners = "ana" is refused: {OWNER}'),
    ('owners = ["team:a", "team:"]', f'owners[1] = "team:" is refused: {OWNER}'),
    ("owners = [3]", "owners[0] = 3 is refused: write a list of e-mail addresses and team:names"),
    ("retry_policy = 3", f"retry_policy = 3 is refused: {POLICY}"),
    (
        "retry_policy = {max_retries = -1}",
        "retry_policy.max_retries = -1 is refused: write a whole number, 0 or more",
    ),
    (
        'retry_policy = {max_retries = "2"}',
        'retry_policy.max_retries = "2" is refused: write a whole number, 0 or more',
    ),
    (
        'retry_policy = {delay = "30s"}',
        'retry_policy.delay = "30s" is refused: write seconds, 0 or more',
    ),
    (
        "retry_policy = {delay = nan}",
        "retry_policy.delay = NaN is refused: write seconds, 0 or more",
    ),
    (
        'retry_policy = {delay = 1, backoff = "exponential"}',
        'retry_policy.backoff = "exponential" is refused: write LINEAR or EXPONENTIAL',
    ),
    (
        "retry_policy = {delay = 1, jitter = 1}",
        "retry_policy.jitter = 1 is refused: write FULL or PLUS_MINUS",
    ),
    (
        'retry_policy = {backoff = "LINEAR"}',
        'retry_policy = {"backoff": "LINEAR"} is refused: backoff and jitter need a delay',
    ),
    (
        "retry_policy = {max_retry = 1}",
        "retry_policy: unknown key max_retry. Did you mean max_retries?",
    ),
    ("schedule_name = 3", "schedule_name = 3 is refused: write a text in quotes"),
    ('schedule_name = "every day"', f'schedule_name = "every day" is refused: {SCHEDULE}'),
    ('schedule_name = "2nd"', f'schedule_name = "2nd" is refused: {SCHEDULE}'),
    ('schedule_name = "planmäßig"', f'schedule_name = "planmäßig" is refused: {SCHEDULE}'),
    ('schedule_name = "sqlmesh_job"', f'schedule_name = "sqlmesh_job" is refused: {TAKEN}'),
    ('schedule_name = "os"', f'schedule_name = "os" is refused: {TAKEN}'),
    ('schedule_name = "str"', f'schedule_name = "str" is refused: {TAKEN}'),
    ('schedule_name = "__file__"', f'schedule_name = "__file__" is refused: {TAKEN}'),
    ('schedule_name = "config"', f'schedule_name = "config" is refused: {RESERVED}'),
    ('schedule_name = "class"', f'schedule_name = "class" is refused: {RESERVED}'),
    (
        'enable_schedule = "false"',
        'enable_schedule = "false" is refused: write true or false, without quotes',
    ),
    (
        "enable_schedule = 0",
        "enable_schedule = 0 is refused: write true or false, without quotes",
    ),
    (
        'schedule_status = "running"',
        'schedule_status = "running" is refused: write RUNNING or STOPPED',
    ),
    (
        "external_asset_mapping = 3",
        "external_asset_mapping = 3 is refused: write a template in quotes, such as "
        '"target/main/{node.name}"',
    ),
    (
        'external_asset_mapping = ""',
        'external_asset_mapping = "" is refused: an empty text is no value',
    ),
    (
        'external_asset_mapping = "{{ node.name"',
        'external_asset_mapping = "{{ node.name" is refused: it is no template: unexpected end of '
        "template, expected 'end of print statement'.",
    ),
    (
        'external_asset_mapping = "{}"',
        'external_asset_mapping = "{}" is refused: it is no template: Expected an expression, got '
        "'end of print statement'",
    ),
    (
        'external_asset_mapping = "{node.name | lowr}"',
        'external_asset_mapping = "{node.name | lowr}" is refused: it is no template: No filter '
        "named 'lowr'.",
    ),
    ("translator = 3", 'translator = 3 is refused: write "package.module:Class"'),
    ('translator = "layers"', 'translator = "layers" is refused: write "package.module:Class"'),
    (
        'translator = "my-layers:Layers"',
        'translator = "my-layers:Layers" is refused: write "package.module:Class"',
    ),
    ("metadata_keys = 3", f"metadata_keys = 3 is refused: write a list of some of {KEY_LIST}"),
    (
        "metadata_keys = [3]",
        f"metadata_keys[0] = 3 is refused: write a list of some of {KEY_LIST}",
    ),
    (
        'metadata_keys = ["cron", "grains"]',
        "metadata_keys: unknown metadata key grains. Did you mean grain?",
    ),
    (
        'external_specs = "yes"',
        'external_specs = "yes" is refused: write true or false, without quotes',
    ),
    ('checks = "some"', 'checks = "some" is refused: write all, blocking or none'),
    (
        "execution_status_check = 1",
        "execution_status_check = 1 is refused: write true or false, without quotes",
    ),
    (
        'exclusivity = "required"',
        'exclusivity = "required" is refused: write require, warn or off',
    ),
    ("lock_timeout = -1", "lock_timeout = -1 is refused: write seconds, 0 or more"),
    (
        'check_versions = "no"',
        'check_versions = "no" is refused: write true or false, without quotes',
    ),
    ("templates = 3", f"templates = 3 is refused: {FOLDER}"),
    ('templates = ""', 'templates = "" is refused: an empty text names no folder'),
    (
        'templates = "nowhere"',
        "templates: no such folder of templates: nowhere. Name a folder with --templates, or the "
        "key `templates`.",
    ),
    ('group-name = "marts"', "unknown key group-name. Did you mean group_name?"),
    ('gruop_name = "marts"', "unknown key gruop_name. Did you mean group_name?"),
    # What dg-sqlmesh calls them.
    ('project_dir = "shop"', "unknown key project_dir. Did you mean projects?"),
    ("concurrency_limit = 4", "unknown key concurrency_limit. Did you mean concurrent_tasks?"),
    ('default_group_name = "a"', "unknown key default_group_name. Did you mean group_name?"),
    ("sqlmesh_config = {}", "unknown key sqlmesh_config. Did you mean projects?"),
    # It is ours, and no key.
    ('root = "shop"', "unknown key root. Did you mean out?"),
]


@pytest.mark.parametrize(("line", "said"), PYPROJECT, ids=[line for line, _ in PYPROJECT])
def test_in_pyproject(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    needed = {"projects": 'projects = "shop"', "out": 'out = "defs"'}
    others = [text for key, text in needed.items() if line.split(maxsplit=1)[0] != key]
    Path("pyproject.toml").write_text("\n".join((TABLE, *others, line)), encoding="utf-8")

    assert error_of(capsys) == f"error: pyproject.toml {TABLE}: {said}"


def test_every_key_has_a_wrong_value_here() -> None:
    tried = "\n".join(line for line, _ in PYPROJECT)

    assert [key for key in KEYS if f"{key} =" not in tried] == []
    assert [field.name for field in fields(RetryPolicy) if field.name not in tried] == []


MALFORMED_PYPROJECTS = [
    (b"[tool", "pyproject.toml is no TOML: Expected ']' at the end of a table declaration"),
    (b"\xff\xfe", "pyproject.toml cannot be read: 'utf-8' codec can't decode byte 0xff"),
    (
        b"[tool.dg_sqlmesh_codegen]\nout = 'a'\nout = 'b'\n",
        "pyproject.toml is no TOML: Cannot overwrite a value (at line 3, column 10)",
    ),
    (b"[tool]\ndg_sqlmesh_codegen = 3\n", f"pyproject.toml: {TABLE} is no table"),
    (b"[[tool.dg_sqlmesh_codegen]]\n", f"pyproject.toml: {TABLE} is no table"),
    *(
        (
            f"[{name}]\nout = 'defs'\n".encode(),
            f"pyproject.toml: the table [{name}] is read by nobody. Name it {TABLE}.",
        )
        for name in ("tool.dg-sqlmesh-codegen", "tool.dg_sqlmesh_codgen", "dg_sqlmesh_codegen")
    ),
]


@pytest.mark.parametrize(("text", "said"), MALFORMED_PYPROJECTS)
def test_a_pyproject_that_cannot_be_read(
    text: bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pyproject.toml").write_bytes(text)

    assert error_of(capsys, "shop", "-o", "defs").startswith(f"error: {said}")
