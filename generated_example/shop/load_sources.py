"""Writes the shop's source tables: 60 days of orders, up to the end of October 2026."""

import argparse
import os
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

FIRST_DAY = datetime(2026, 9, 2)
DAYS = 60
ORDERS_PER_DAY = 3
NAMES = ["Zoë Müller", "Seán O'Brien", "Ana Núñez", "山田 花子", "Kim Berg"]
COUNTRIES = ["DE", "GB", "AT", "JP", "DK", "US", "FR", "CI"]
PRICES = [1890, 990, 690, 1250, 840, 3450, 5900, 725]

TABLES = {
    "customers": "customer_id INT, customer_name TEXT, email TEXT,"
    " country_code TEXT, signed_up_on DATE",
    "orders": "order_id INT, customer_id INT, ordered_at TIMESTAMP, status TEXT",
    "order_items": "order_id INT, product_id INT, quantity INT, unit_price_cents INT",
}
DAMAGE = [
    "UPDATE source.order_items SET quantity = -1 WHERE order_id % 50 = 0",
    "UPDATE source.customers SET email = NULL WHERE customer_id % 10 = 0",
]

Row = tuple[int | str | date | None, ...]


def customers() -> Iterator[Row]:
    for number in range(1, 41):
        name = f"{NAMES[number % len(NAMES)]} {number}"
        country = COUNTRIES[number % len(COUNTRIES)]
        signed_up = date(2026, 1, 1) + timedelta(days=5 * number)
        yield number, name, f"customer{number}@mail.example", country, signed_up


def orders() -> Iterator[Row]:
    for number in range(1, DAYS * ORDERS_PER_DAY + 1):
        day, of_day = divmod(number - 1, ORDERS_PER_DAY)
        ordered_at = FIRST_DAY + timedelta(days=day, hours=8 + 4 * of_day)
        if day >= DAYS - 2:
            status = "open"
        elif day >= DAYS - 5:
            status = "paid"
        else:
            status = "cancelled" if number % 17 == 0 else "shipped"
        yield number, number * number % 37 + 1, ordered_at, status


def order_items() -> Iterator[Row]:
    for number in range(1, DAYS * ORDERS_PER_DAY + 1):
        for item in range(1 + number % 3):
            product = (number + 3 * item) % len(PRICES)
            yield number, product + 1, 1 + (number + item) % 4, PRICES[product]


def load(database: Path, *, damaged: bool = False) -> None:
    """Replaces the source tables; `damaged` makes two audits of the project fail."""
    rows = {"customers": customers, "orders": orders, "order_items": order_items}
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS source")
        for table, columns in TABLES.items():
            values = ", ".join("?" for _ in columns.split(", "))
            connection.execute(f"CREATE OR REPLACE TABLE source.{table} ({columns})")
            connection.executemany(
                f"INSERT INTO source.{table} VALUES ({values})", list(rows[table]())
            )
        for statement in DAMAGE if damaged else []:
            connection.execute(statement)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "database",
        nargs="?",
        type=Path,
        default=Path(os.environ.get("SHOP_DATABASE", "shop.duckdb")),
    )
    parser.add_argument(
        "--break",
        dest="damaged",
        action="store_true",
        help="damage the data, so that audits fail; load again without it to repair",
    )
    arguments = parser.parse_args()
    load(arguments.database, damaged=arguments.damaged)


if __name__ == "__main__":
    main()
