"""Customers by recency, frequency and monetary value (RFM)."""

from datetime import datetime
from typing import Any

import pandas as pd
from sqlglot import exp
from sqlmesh import ExecutionContext, model

LABELS = ["at risk", "regular", "champion"]


def score(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """1 (worst) to 3 (best), in three groups of equal size."""
    return pd.qcut(values.rank(method="first"), 3, labels=[1, 2, 3]).astype(int)


@model(
    "marts.customer_segments",
    kind="FULL",
    cron="@weekly",
    description="Customers by recency, frequency and monetary value (RFM)",
    columns={
        "customer_id": "int",
        "recency": "int",
        "frequency": "int",
        "monetary": "int",
        "segment": "text",
    },
    column_descriptions={
        "customer_id": "The account's number",
        "recency": "1 to 3; 3 is for those who ordered last",
        "frequency": "1 to 3; 3 is for those who ordered most often",
        "monetary": "1 to 3; 3 is for those who spent most",
        "segment": "at risk, regular or champion",
    },
    grains=["customer_id"],
    owner="analytics",
    tags=["dagster:group_name:marts", "marketing"],
    audits=[
        ("unique_values", {"columns": exp.column("customer_id")}),
        (
            "accepted_values",
            {"column": exp.column("segment"), "is_in": exp.convert(LABELS)},
        ),
    ],
)
def execute(
    context: ExecutionContext,
    start: datetime,
    end: datetime,
    execution_time: datetime,
    **kwargs: Any,
) -> pd.DataFrame:
    customers = context.fetchdf(
        "SELECT customer_id, orders, lifetime_value, last_order_date"
        f" FROM {context.resolve_table('marts.customers')}"
        " WHERE orders > 0 ORDER BY customer_id"
    )
    result = customers[["customer_id"]].copy()
    result["recency"] = score(customers["last_order_date"])
    result["frequency"] = score(customers["orders"])
    result["monetary"] = score(customers["lifetime_value"])
    total = result["recency"] + result["frequency"] + result["monetary"]
    result["segment"] = pd.cut(total, [0, 4, 7, 9], labels=LABELS).astype(str)
    return result
