"""Regular expressions that find secrets: known values in every spelling, and typical places."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

# Shorter values are in too many ordinary texts.
_MIN_LENGTH = 4
# Words and shorter values must stand alone: `prod` is no secret in `products`.
_MIN_LENGTH_ANYWHERE = 8
# The escape before a value can end with a letter or a digit: `\n`, `%3A`, `\x27`, `\u0027`.
_START = r"(?:(?<!\w)|(?=\W)|(?<=\\[nrt])|(?<=%[\da-fA-F]{2})|(?<=\\x..)|(?<=\\u....))"
_END = r"(?:(?!\w)|(?<=\W))"

_NAME = (
    r"(?<!unexpected )(?:password|passwd|passphrase|passcode|pwd|secret|token|signature|cookie"
    r"|authorization|(?<![a-z])(?:pass|sig)"
    r"|(?:api|access|account|private|secret|signing|subscription)[ _-]?key)"
)
SECRET_FIELD = re.compile(
    rf"(?i:{_NAME}|access_key_id|connection_string|credentials?|keyfile_json|secrets)$"
)
_VALUE = (
    r"(?:(?:bearer|basic|digest|negotiate)\s+)?"
    rf"(?![\"`\w]+\.[\"`\w.]*{_NAME})"  # in SQL, `a.token = b.token` compares columns
    r"(?:\\+(?P<quote>[\"'])[^\n]*?\\+(?P=quote)"  # in quotes that are inside of a quoted text
    r"|'(?:[^'\\\n]|\\.|'')*'?|\"(?:[^\"\\\n]|\\.|\"\")*\"?|\{(?:[^}\n]|\}\})*\}"
    r"|[\\\"']*(?:[^\s\\;,&'\")}\]<>]|\\(?![\"']))+)"
)
_PLACES = (
    r"(?P<kept>)-----BEGIN [A-Z ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END[A-Z ]*-----|\Z)",
    # A JWT, and tokens of Databricks, GitHub and Slack.
    r"(?P<kept>\b)(?:eyJ[\w-]{10,}(?:\.[\w-]+){1,2}|dapi[\da-f]{32}|gh[a-z]_\w{30,}|xox[a-z]-[\w-]{9,})",
    # `https://token@host`, `scheme://user:password@host`, a Slack webhook.
    r"(?P<kept>\bhttps?://)[^\s/?#'\"]+(?=@)",
    r"(?P<kept>\b[a-z][a-z\d+.-]{0,30}://[^\s:/@'\"]*:)(?!\d+/)[^\s'\"]+(?=@)",
    r"(?P<kept>\bhooks\.slack\.com/services/)[\w/]+",
    # `password=x`, `"password": "x"`, `PASSWORD 'x'`
    rf"(?P<kept>{_NAME}[\\\"']*(?:\s*(?:=+>?|:(?!:)=?)\s*|\s+(?=['\"]))){_VALUE}",
    # `IDENTIFIED BY 'x'`, `--password x`, `<password>x</password>`, `Bearer x`
    r"(?P<kept>\bidentified\s+(?:with\s+\S+\s+)?by\s+(?:password\s+)?"
    rf"|--[\w-]*{_NAME}\s+|<[\w:.-]*{_NAME}>|\b(?:bearer|basic)\s+(?=\S*\d)){_VALUE}",
)
# A match is a secret, except for its group `kept`.
PLACES = tuple(re.compile(f"(?is){place}") for place in _PLACES)


def patterns_of(secrets: Iterable[str]) -> dict[str, str]:
    """Return each spelling of the secrets, and of each line of them, with its pattern.

    The longest is first: a secret can be a part of another one.
    """
    lines = {line.strip() for secret in secrets for line in re.split(r"\n|\\n", secret)}
    found: dict[str, str] = {}
    for line in lines:
        if len(line) >= _MIN_LENGTH:
            # Twice, for a text inside of a text: the `repr` of JSON.
            twice = {outer for inner in _spellings(line) for outer in _spellings(inner)}
            found |= {spelling: _whole(spelling) for spelling in twice}
            found |= {core: rf"[\w+/-]{{0,3}}{re.escape(core)}[\w+/=-]*" for core in _base64(line)}
    return {spelling: found[spelling] for spelling in sorted(found, key=len, reverse=True)}


def _spellings(text: str) -> Iterator[str]:
    raw = text.encode(errors="replace")
    yield from (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    yield from (quote(raw), quote(raw, safe=""), quote_plus(raw))
    yield from (text.replace(mark, 2 * mark) for mark in "'\"}")
    # With both quotes in a text, `repr` escapes one of them.
    yield from (repr(text)[1:-1], repr(f"{text}'\"")[1:-4])
    yield from (repr(raw)[2:-1], repr(raw + b"'\"")[2:-4])


def _base64(text: str) -> Iterator[str]:
    """Yield the part of a base64 text that depends on `text` alone, wherever `text` starts."""
    for skipped in range(3):
        raw = bytes(skipped) + text.encode(errors="replace")
        core = b64encode(raw).decode()[(skipped * 8 + 5) // 6 : len(raw) * 8 // 6]
        yield from (core, core.translate(str.maketrans("+/", "-_")))


def _whole(spelling: str) -> str:
    is_word = len(spelling) < _MIN_LENGTH_ANYWHERE or spelling.isalpha()
    return f"{_START if is_word else ''}{re.escape(spelling)}{_END if is_word else ''}"
