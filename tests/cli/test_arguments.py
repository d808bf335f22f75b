"""The arguments of a command line by option, and the same command again."""

from __future__ import annotations

import pytest

from dg_sqlmesh_codegen.cli.arguments import OPTIONS, OptionValue, command, layer

TYPED: dict[str, OptionValue] = {
    "projects": ("my shop", "crm"),
    "out": "defs",
    "gateway": None,
    "default_catalogs": ("main", "b=other"),
    "others": ("group_name=a", "owners=['team:a']"),
}


def test_values_by_option() -> None:
    typed = layer(TYPED)

    assert typed.values == {
        "PROJECT": ("my shop", "crm"),
        "-o": "defs",
        "--default-catalog": ("main", "b=other"),
        "--set group_name": "a",
        "--set owners": ["team:a"],
    }
    assert {typed.keys[option] for option in typed.values} == {*TYPED} - {"gateway", "others"} | {
        "group_name",
        "owners",
    }
    assert OPTIONS.items() <= typed.keys.items()


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
        ("op_tags={team = 'data'}", {"team": "data"}),
        ("external_asset_mapping=raw/{node.name}", "raw/{node.name}"),
        ("external_asset_mapping={{ 'a' if node.name == 'b' }}", "{{ 'a' if node.name == 'b' }}"),
        ("group_name=", ""),
        # TOML would read two keys.
        ("group_name='a'\nb = 1", "'a'\nb = 1"),
    ],
)
def test_set_takes_toml_and_plain_text(text: str, value: object) -> None:
    assert [*layer({"others": (text,)}).values.values()] == [value]


def test_the_command_is_quoted_for_a_shell() -> None:
    assert command(TYPED) == (
        "python -m dg_sqlmesh_codegen 'my shop' crm -o defs --default-catalog main "
        "--default-catalog b=other --set group_name=a --set 'owners=['\"'\"'team:a'\"'\"']'"
    )
