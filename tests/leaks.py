"""Texts of databases, drivers and programs that hold a secret. Every secret is invented."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

# Has whatever a spelling changes.
SECRET = """p@ss/w:rd'1"+ü\\%}&"""  # noqa: S105
# What code makes of a value that the configuration names.
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "quote": quote,
    "quote without safe characters": lambda text: quote(text, safe=""),
    "quote_plus": quote_plus,
    "SQL text": lambda text: text.replace("'", "''"),
    "SQL name": lambda text: text.replace('"', '""'),
    "ODBC": lambda text: text.replace("}", "}}"),
    "repr": lambda text: repr(text)[1:-1],
    "repr of a text with both quotes": lambda text: repr(f"{text}'\"")[1:-4],
    "repr of bytes": lambda text: repr(text.encode())[2:-1],
    "repr of bytes with both quotes": lambda text: repr(text.encode() + b"'\"")[2:-4],
    "repr of JSON": lambda text: repr(json.dumps(text))[2:-2],
    "quoted twice": lambda text: quote(quote(text)),
}
HEADERS: tuple[Callable[[bytes], bytes], ...] = (b64encode, urlsafe_b64encode)
# Where a secret is that the configuration does not name. `X` stands for it.
PLACES = (
    '{"password": "X"}',
    "{'password': 'X', 'user': 'me'}",
    '{\\"password\\": \\"X\\"}',
    '{"private_key": "-----BEGIN PRIVATE KEY-----\\nX\\n-----END PRIVATE KEY-----\\n"}',
    '"access_token":"X"',
    "password: X",
    "password='a b X",
    'password="a b X"',
    "the password 'X' is wrong",
    "db_password=X",
    "passwd=X",
    "pass=X",
    "b'password=X'",
    "private_key_passphrase=X",
    "client_secret=X",
    "aws_secret_access_key = X",
    "token=X",
    "api_key=X",
    "X-Api-Key: X",
    "Authorization: Bearer X",
    "Authorization: Basic X",
    "curl: (22) Bearer 1X was refused",
    "Cookie: session=X",
    "-----BEGIN RSA PRIVATE KEY-----\nX\n-----END RSA PRIVATE KEY-----",
    "postgresql+psycopg2://me:X@db.example:5432/x",
    "mysql://me:a/b@X@db.example/x",
    "https://X@git.example/x",
    "https://a.blob.example/c?sv=2024&sig=X&se=1",
    "https://s3.example/x?X-Amz-Signature=X",
    "https://hooks.slack.com/services/T0/B0/X",
    "md:shop?motherduck_token=X",
    "AccountName=a;AccountKey=X==;EndpointSuffix=x",
    "Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey=X",
    "DRIVER={x};UID=me;PWD={a;}}X};",
    "jdbc:sqlserver://host;user=me;password=X;",
    "host=db password='X' user=me",
    'connect(user="me", password="X")',
    "PGPASSWORD=X psql",
    "mysql --password X -h db",
    "<password>X</password>",
    "password => 'X'",
    "CREATE USER me IDENTIFIED BY 'X'",
    "CREATE USER me IDENTIFIED WITH mysql_native_password BY 'X'",
    "ALTER USER me WITH PASSWORD 'it''s X'",
    "CREATE SECRET (TYPE s3, KEY_ID 'a', SECRET 'X')",
    "CREDENTIALS = (AWS_KEY_ID='a' AWS_SECRET_KEY='X')",
    "used eyJhbGciOiJIUzI1NiJ9.X.c2lnbmF0dXJl to log in",
)


def in_place(place: str, secret: str) -> str:
    """Return the text of `PLACES` with a secret in it."""
    before, _, after = place.rpartition("X")
    return f"{before}{secret}{after}"
