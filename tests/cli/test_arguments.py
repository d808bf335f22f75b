"""The arguments of a command line by key of the configuration, and the same command again."""

from __future__ import annotations

import pytest

from dg_sqlmesh_codegen.cli.arguments import Arguments, OptionValue


def arguments(**values: OptionValue) -> Arguments:
    return Arguments.of(values)


def test_an_option_not_given_sets_no_key() -> None:
    assert arguments(projects=(), out=None, gateway=None, others=()).by_key == {}


def test_every_option_sets_its_key() -> None:
    typed = arguments(
        projects=("shop", "crm"),
        out="defs",
        gateway="local",
        environment="dev",
        config_name="test",
        default_catalogs=("main", "b=other"),
        templates="mine",
    )

    assert typed.by_key == {
        "projects": ("shop", "crm"),
        "out": "defs",
        "gateway": "local",
        "environment": "dev",
        "config_name": "test",
        "default_catalogs": ("main", "b=other"),
        "templates": "mine",
    }
    assert typed.options == {
        "projects": "PROJECT",
        "out": "-o",
        "gateway": "--gateway",
        "environment": "--environment",
        "config_name": "--config",
        "default_catalogs": "--default-catalog",
        "templates": "--templates",
    }


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
def test_set_takes_toml_and_plain_text(text: str, value: object) -> None:
    typed = arguments(others=(text,))
    (key,) = typed.by_key

    assert typed.by_key[key] == value
    assert typed.options == {key: f"--set {key}"}


def test_the_command_is_quoted_for_a_shell() -> None:
    typed = arguments(
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
