from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


@macro()
def euros(evaluator: MacroEvaluator, cents: exp.Expression) -> exp.Expression:
    """Turns an amount in cents into euros with two decimals."""
    return exp.cast(exp.paren(cents) / 100, "DECIMAL(18, 2)")
