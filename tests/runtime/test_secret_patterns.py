"""Which parts of a text are secrets: by their value, and by where they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dg_sqlmesh_codegen.runtime.redaction import Redaction
from leaks import HEADERS, PLACES, SECRET, SPELLINGS, in_place

KEY = (
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n  Zk9mW7LrhkiG9w0B\n-----END PRIVATE KEY-----\n"
)


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_of_a_known_secret(name: str) -> None:
    spelled = SPELLINGS[name](SECRET)

    assert Redaction([SECRET]).text(f"with {spelled}, as before") == "with ***, as before"


@given(
    st.text(min_size=4, max_size=12).filter(
        lambda text: len(text.strip()) > 3 and "\\n" not in text
    ),
    st.sampled_from(sorted(SPELLINGS)),
)
def test_every_spelling_of_any_secret(text: str, name: str) -> None:
    secret = text.strip().replace("\n", "?")

    assert Redaction([secret]).text(f"<{SPELLINGS[name](secret)}>") == "<***>"


@pytest.mark.parametrize("encode", HEADERS)
@pytest.mark.parametrize("user", ["", "a:", "me:", "ana:"])
def test_a_known_secret_in_base64(user: str, encode: Callable[[bytes], bytes]) -> None:
    told = Redaction([SECRET]).text(f"sent {encode(f'{user}{SECRET}'.encode()).decode()}; refused")

    kept = told.removeprefix("sent ").removesuffix("***; refused")
    assert encode(user.encode()).decode().startswith(kept)


def test_each_line_of_a_known_secret() -> None:
    for text in (KEY, KEY.replace("\n", "\\n")):
        told = Redaction([text]).text("line 2 is 'MIIEvQIBADANBgkq', line 3 is Zk9mW7LrhkiG9w0B")
        assert told == "line 2 is '***', line 3 is ***"


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_that_the_configuration_does_not_name(place: str) -> None:
    told = Redaction().text(in_place(place, "tomato-soup"))

    assert "tomato-soup" not in told
    assert "***" in told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("products of prod", "products of ***"),
        ("prod_1 in prod.db", "prod_1 in ***.db"),
        ("{'a': 'x\\nprod'}, %3Aprod%40", "{'a': 'x\\n***'}, %3A***%40"),
        ("a1 and 1a1", "a1 and 1a1"),  # too short
        ("-phunter2hunter2", "-p***"),
        ("abcdefgh9 abcd", "*** ***"),  # one secret is a part of the other
    ],
)
def test_words_and_short_secrets_stand_alone(text: str, expected: str) -> None:
    secrets = ["prod", "a1", "hunter2hunter2", "abcd", "abcdefgh9"]

    assert Redaction(secrets).text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "see https://db.example:8080/path?x=a@b",
        "see clickhouse://db.example:8123/path?x=a@b and postgresql://me@db/x",
        "the column password is missing",
        'FATAL: password authentication failed for user "me"',
        "Unexpected token: FROM",
        "Bearer token is missing",
        "token_limit=5, max_tokens: 5, bypass=true",
        'SELECT "a"."token", password::text FROM a JOIN b ON "a"."token" = "b"."token"',
        "WHERE a.api_key = b.api_key ORDER BY 'x'",
    ],
)
def test_a_text_without_secrets(text: str) -> None:
    assert Redaction().text(text) == text
