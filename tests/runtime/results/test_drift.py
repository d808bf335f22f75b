"""How a package and an environment are compared."""

import dagster as dg

from dg_sqlmesh_codegen.runtime.events import PromotedModel
from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.results import drift


def model(name: str, code_version: str | None = "1") -> ModelAsset:
    return ModelAsset(name, dg.AssetSpec(name, code_version=code_version))


def promoted(*names: str, is_asset: bool = True) -> dict[str, PromotedModel]:
    return {name: PromotedModel(name, "1", (), None, is_asset) for name in names}


def test_each_kind_of_difference() -> None:
    environment = {**promoted("a", "b", "c", "d", "y", "z"), **promoted("external", is_asset=False)}
    models = [model("b", "2"), model("a", "2"), model("c"), model("d", None), model("new")]
    found = drift.compare(models, ["a", "b", "c", "d", "new", "assert_x"], environment)

    assert found == drift.Drift(("assert_x", "new"), ("a", "b"), ("y", "z"))
    changed, unknown = found.warnings()
    assert changed.startswith(
        "The promoted version differs from the generated package: 2 models (a, b). "
    )
    assert unknown == (
        "Promoted, but not in the generated package: 2 models (y, z). "
        "Generate it again with `python -m dg_sqlmesh_codegen`."
    )
