"""A command line becomes values of the configuration, and the command that does it again."""

from __future__ import annotations

import pytest

from dg_sqlmesh_codegen.cli.arguments import Flag, Words
from dg_sqlmesh_codegen.errors import UsageError


def words(**flags: Flag) -> Words:
    return Words.of(flags)


def test_what_was_not_given_is_no_value() -> None:
    assert words(projects=(), out=None, gateway=None, others=()).values == {}


def test_every_flag_is_a_key() -> None:
    typed = words(
        projects=("shop", "crm"),
        out="defs",
        gateway="local",
        environment="dev",
        config_name="test",
        templates="mine",
    )

    assert typed.values == {
        "projects": ("shop", "crm"),
        "out": "defs",
        "gateway": "local",
        "environment": "dev",
        "config_name": "test",
        "templates": "mine",
    }
    assert typed.names == {
        "projects": "PROJECT",
        "out": "-o",
        "gateway": "--gateway",
        "environment": "--environment",
        "config_name": "--config",
        "templates": "--templates",
    }


@pytest.mark.parametrize(
    ("texts", "catalogs"),
    [
        (("main",), {"*": "main"}),
        (("Local=main",), {"local": "main"}),
        (("main", "b=other"), {"*": "main", "b": "other"}),
        (("main", "main"), {"*": "main"}),
        (("a=b=c",), {"a=b": "c"}),
    ],
)
def test_catalogs(texts: tuple[str, ...], catalogs: dict[str, str]) -> None:
    assert words(default_catalogs=texts).values == {"default_catalogs": catalogs}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("group_name=marts", "marts"),
        (" group_name =marts", "marts"),
        ("group_name='2026'", "2026"),
        ("concurrent_tasks=4", 4),
        ("enable_schedule=false", False),
        ("enable_schedule=False", "False"),
        ("owners=['team:a', 'team:b']", ["team:a", "team:b"]),
        ("owners=team:a", "team:a"),
        ("op_tags={team = 'data'}", {"team": "data"}),
        ("external_asset_mapping=raw/{node.name}", "raw/{node.name}"),
        ("external_asset_mapping={{ node.name }}", "{{ node.name }}"),
        ("external_asset_mapping={{ 'a' if node.name == 'b' }}", "{{ 'a' if node.name == 'b' }}"),
        ("group_name=", ""),
        # TOML would read two keys.
        ("group_name='a'\nb = 1", "'a'\nb = 1"),
    ],
)
def test_set_takes_toml_and_plain_texts(text: str, value: object) -> None:
    typed = words(others=(text,))
    (key,) = typed.values

    assert typed.values[key] == value
    assert typed.names == {key: f"--set {key}"}


def test_the_command_again_is_one_for_a_shell() -> None:
    typed = words(
        projects=("my shop",),
        out="defs",
        gateway=None,
        others=("group_name=a", "owners=['team:a']"),
        default_catalogs=("main", "b=other"),
    )

    assert typed.command == (
        "python -m dg_sqlmesh_codegen 'my shop' -o defs --default-catalog main --default-catalog "
        "b=other --set group_name=a --set 'owners=['\"'\"'team:a'\"'\"']'"
    )


@pytest.mark.parametrize("flag", ["projects", "out", "templates"])
def test_an_empty_text_names_no_folder(flag: str) -> None:
    with pytest.raises(UsageError, match="an empty text names no folder"):
        Words.of({flag: ("shop", "") if flag == "projects" else ""})
