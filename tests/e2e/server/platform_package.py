"""What a team writes by hand around the generated package: assets that are not SQLMesh's."""

PLATFORM = '''
import os

import dagster as dg
import psycopg2

from defs import definitions as generated


def execute(statement: str) -> None:
    connection = psycopg2.connect(
        host=os.environ["DEPOT_HOST"], port=5432, user="postgres", dbname="depot"
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


@dg.asset(key=["depot", "enriched", "scores"], deps=[["depot", "staging", "customers"]])
def scores() -> None:
    """Between two models: reads one and is read by another."""
    execute(
        "TRUNCATE enriched.scores; INSERT INTO enriched.scores "
        "SELECT customer_id, customer_id * 7 FROM staging.customers"
    )


@dg.asset(key=["depot", "enriched", "report"], deps=[["depot", "marts", "daily_revenue"]])
def report() -> None:
    """Downstream of all models it reads."""
    execute(
        "DROP TABLE IF EXISTS enriched.report; CREATE TABLE enriched.report AS "
        "SELECT COUNT(*) AS days, SUM(revenue) AS revenue FROM marts.daily_revenue"
    )


defs = dg.Definitions.merge(generated.defs, dg.Definitions(assets=[scores, report]))
'''
