"""Edits of the example that a team makes all the time, and the generated files each may touch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from e2e.repository import Repository

INDEX = "models/__init__.py"
DEFINITIONS = "definitions.py"

Change = Callable[[Repository], object]


def module(name: str) -> str:
    """Return the path within the package of the model `schema.name`."""
    return f"models/shop/{name.replace('.', '/')}.py"


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit; `new`, `changed`, `removed` and `renamed` are exactly the files it may touch."""

    title: str
    apply: Change
    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[str, ...] = ()
    upgrades: bool = False

    @property
    def files(self) -> dict[str, str]:
        """The files and git's letters for what becomes of them."""
        groups = {"A": self.new, "M": self.changed, "D": self.removed, "R": self.renamed}
        return {path: letter for letter, paths in groups.items() for path in paths}


def replacing(path: str, old: str, new: str) -> Change:
    """Return an edit of one place in a file of the project."""
    return lambda repository: repository.replace(f"shop/{path}", old, new)


def adding(name: str, query: str) -> Change:
    """Return an edit that adds a model to the project."""
    path = f"shop/models/{name.replace('.', '/')}.sql"
    text = f"MODEL (\n  name {name},\n  kind FULL\n);\n\n{query}\n"
    return lambda repository: repository.write(path, text)


def together(*edits: Change) -> Change:
    """Return the edits as one."""

    def apply(repository: Repository) -> None:
        for edit in edits:
            edit(repository)

    return apply


def moving(old: str, new: str) -> Change:
    """Return an edit that moves a file of the project."""

    def apply(repository: Repository) -> None:
        text = repository.read(f"shop/{old}")
        (repository.folder / "shop" / old).unlink()
        repository.write(f"shop/{new}", text)

    return apply


def removing(path: str) -> Change:
    """Return an edit that removes a file of the project."""
    return lambda repository: (repository.folder / "shop" / path).unlink()


def use_macro_a_third_time(repository: Repository) -> None:
    """Two of the example's models use its macro; the copy that is measured has a third."""
    repository.replace(
        "shop/models/live/reserved_stock.sql",
        "AS pieces -- Reserved pieces",
        "AS pieces, -- Reserved pieces\n"
        "  @euros(SUM(i.unit_price * i.quantity) * 100) AS worth -- Their price in euros",
    )


LIST = "models/marts/mailing_list.sql"
MAILING_LIST = module("marts.mailing_list")

EDITS = (
    Edit(
        "Change a model's SQL",
        replacing("models/marts/product_sales.sql", " DESC NULLS LAST", " DESC"),
        changed=(module("marts.product_sales"),),
    ),
    Edit(
        "Add a column",
        replacing(LIST, "c.email::TEXT,", "c.signed_up_on::DATE, -- Since when\n  c.email::TEXT,"),
        changed=(MAILING_LIST,),
    ),
    Edit(
        "Add a column to a model that four others read",
        replacing(
            "models/staging/orders.sql",
            "  customer_id::INT,",
            "  CURRENT_TIMESTAMP::TIMESTAMP AS loaded_at,\n  customer_id::INT,",
        ),
        changed=(module("staging.orders"),),
    ),
    Edit(
        "Add an audit",
        replacing(LIST, "(email))", "(email)),\n    not_null(columns := (customer_id))"),
        changed=(MAILING_LIST,),
    ),
    Edit(
        "Add a second use of an audit",
        replacing(LIST, "(email))", "(email)),\n    unique_values(columns := (customer_id))"),
        changed=(MAILING_LIST,),
    ),
    Edit(
        "Change an audit that three models use",
        replacing("audits/assert_at_least.sql", "< @minimum", "< @minimum OR @column IS NULL"),
        changed=tuple(
            map(module, ("live.reserved_stock", "marts.daily_revenue", "staging.order_items"))
        ),
    ),
    Edit(
        "Change a description",
        replacing(LIST, "Whom the newsletter goes to", "Who gets the newsletter"),
        changed=(MAILING_LIST,),
    ),
    Edit(
        "Change a cron, the schedule stays",
        replacing("models/marts/product_sales.sql", "'30 6 * * *'", "'45 6 * * *'"),
        changed=(module("marts.product_sales"),),
    ),
    Edit(
        "Change a cron, and with it the schedule",
        replacing("models/live/open_orders.sql", "'*/5 * * * *'", "'*/10 * * * *'"),
        changed=(module("live.open_orders"), DEFINITIONS),
    ),
    Edit(
        "Add a model at the top of the DAG",
        adding("staging.emails", "SELECT\n  email::TEXT\nFROM source.customers"),
        new=(module("staging.emails"),),
        changed=(INDEX,),
    ),
    Edit(
        "Add a model in the middle, and read it in another",
        together(
            adding("marts.net_revenue", "SELECT\n  *\nFROM marts.daily_revenue"),
            replacing(
                "models/marts/monthly_revenue.sql",
                "FROM marts.daily_revenue",
                "FROM marts.net_revenue",
            ),
        ),
        new=(module("marts.net_revenue"),),
        changed=(INDEX, module("marts.monthly_revenue")),
    ),
    Edit(
        "Add a model at the end of the DAG",
        adding("marts.best_customers", "SELECT\n  customer_id::INT\nFROM marts.customers"),
        new=(module("marts.best_customers"),),
        changed=(INDEX,),
    ),
    Edit(
        "Add the first model of a schema",
        adding("export.emails", "SELECT\n  email::TEXT\nFROM staging.customers"),
        new=(module("export.emails"), module("export.__init__")),
        changed=(INDEX,),
    ),
    Edit(
        "Remove a model",
        removing(LIST),
        removed=(MAILING_LIST,),
        changed=(INDEX,),
    ),
    Edit(
        "Rename a model that another one reads",
        together(
            moving("models/marts/daily_revenue.sql", "models/marts/revenue_by_day.sql"),
            replacing(
                "models/marts/revenue_by_day.sql", "marts.daily_revenue", "marts.revenue_by_day"
            ),
            replacing(
                "models/marts/monthly_revenue.sql", "marts.daily_revenue", "marts.revenue_by_day"
            ),
            # SQLMesh loads the unit tests only to run them; a team renames the model there, too.
            replacing(
                "tests/test_daily_revenue.yaml",
                "model: marts.daily_revenue",
                "model: marts.revenue_by_day",
            ),
        ),
        renamed=(module("marts.revenue_by_day"),),
        changed=(INDEX, module("marts.monthly_revenue")),
    ),
    Edit(
        "Move a model's file",
        moving(LIST, "models/marketing/mailing_list.sql"),
        changed=(MAILING_LIST,),
    ),
    Edit(
        "Change a macro that three models use",
        replacing("macros/money.py", "exp.paren(cents) / 100", "exp.paren(cents) * 0.01"),
        changed=tuple(
            map(module, ("live.reserved_stock", "marts.product_sales", "staging.order_items"))
        ),
    ),
    Edit(
        "Change a tag",
        replacing(LIST, "'pii'", "'crm'"),
        changed=(MAILING_LIST,),
    ),
    Edit(
        "Change an owner",
        replacing(LIST, "owner marketing", "owner sales"),
        changed=(MAILING_LIST,),
    ),
    Edit(
        "Change a seed's data",
        replacing("seeds/countries.csv", "FR,France,Europe", "FR,La France,Europe"),
        changed=(module("raw.countries"),),
    ),
    Edit(
        "Change a unit test",
        replacing("tests/test_daily_revenue.yaml", "test_", "test_that_"),
    ),
    Edit(
        "Upgrade this tool",
        lambda repository: None,  # the test that measures upgrades the tool
        changed=(DEFINITIONS,),
        upgrades=True,
    ),
)
