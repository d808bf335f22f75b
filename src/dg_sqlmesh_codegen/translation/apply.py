"""Combine a translator, the configuration and a model's tags into the properties of its asset.

It checks what a translator returns, so that Dagster accepts it later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.config import key_template
from dg_sqlmesh_codegen.config.key_template import ExternalAssetMapping
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.config.types import minutes
from dg_sqlmesh_codegen.dagster_names import AssetKey
from dg_sqlmesh_codegen.errors import CodegenError, ProjectError, SettingError
from dg_sqlmesh_codegen.schedules.crons import longest_gap
from dg_sqlmesh_codegen.sqlmesh_project.records import ExternalTable, Model, Project

from . import property_tags, results
from .translator import SQLMeshTranslator, TranslationContext, overrides

T = TypeVar("T")
_TRANSLATOR = "translator"
_MAX_KINDS = 10
_SHOWN = 80  # characters of a value in an error


@dataclass(frozen=True, slots=True)
class Translation:
    """What a translator returns, checked and combined with tags and configuration.

    A model's tag `dagster:property:value` wins over the configuration, which wins over the
    translator.

    Raises:
        SettingError: a translator raises an exception, or it returns something that a generated
            module cannot contain or Dagster does not accept. It names class, method and model.
    """

    translator: SQLMeshTranslator
    context: TranslationContext
    config: Config
    mapping: ExternalAssetMapping | None = None

    @classmethod
    def of(cls, config: Config, project: Project, translator: SQLMeshTranslator) -> Translation:
        """Combine them. A translator's own `get_external_asset_key` replaces the mapping."""
        context = TranslationContext(project, config.gateway, config.environment)
        own = overrides(translator, "get_external_asset_key")
        template = None if own else config.external_asset_mapping
        return cls(
            translator, context, config, ExternalAssetMapping(template) if template else None
        )

    def key(self, subject: Model | ExternalTable) -> AssetKey:
        """Return the key of a model or an external table."""
        if isinstance(subject, Model):
            tagged = property_tags.of(subject).asset_key
            return tagged or self._call(results.KEY, "get_asset_key", subject, subject)
        if self.mapping:
            return self.mapping.key(subject)
        return self._call(results.KEY, "get_external_asset_key", subject, subject.fqn)

    def group(self, model: Model) -> str:
        """Return the group of a model."""
        configured = property_tags.of(model).group_name or self.config.group_name
        found = configured or dagster_names.group_name(self.schema_or_folder(model))
        return found or self._call(results.GROUP, "get_group_name", model, self.context, model)

    def schema_or_folder(self, model: Model) -> str:
        """Return what `group_by` groups a model by; an empty text if there is nothing."""
        if self.config.group_by == "schema":
            return model.schema_name
        if self.config.group_by == "folder" and model.source:
            for project in self.context.project.paths:
                if model.source.is_relative_to(project):
                    # models/marts/orders.sql
                    return "".join(model.source.relative_to(project).parts[1:-1][:1])
        return ""

    def tags(self, model: Model) -> dict[str, str]:
        """Return the tags of a model's asset."""
        return self._call(results.TAGS, "get_tags", model, self.context, model)

    def metadata(self, model: Model) -> dict[str, object]:
        """Return the metadata of a model's asset."""
        return self._call(results.METADATA, "get_metadata", model, model, self.config.metadata_keys)

    def all_owners(self, model: Model) -> tuple[str, ...]:
        """Return the owners from the translator, the tags and the configuration."""
        own = self._call(results.OWNERS, "get_owners", model, model)
        return tuple(dict.fromkeys((*own, *property_tags.of(model).owners, *self.config.owners)))

    def kinds(self, model: Model) -> tuple[str, ...]:
        """Return the kinds of a model's asset, sorted."""
        own = self._call(results.KINDS, "get_kinds", model, model)
        kinds = tuple(sorted({*own, *property_tags.of(model).kinds}))
        if len(kinds) > _MAX_KINDS:
            raise self._refused("get_kinds", model, kinds)
        return kinds

    def description(self, model: Model) -> str | None:
        """Return the description of a model's asset."""
        tagged = property_tags.of(model).description
        own = tagged or self._call(results.DESCRIPTION, "get_description", model, model)
        return own or None

    def automation_condition(self, model: Model) -> str | None:
        """Return the method of `dg.AutomationCondition` that makes the condition of a model."""
        method = "get_automation_condition"
        tagged = property_tags.of(model).automation
        return tagged or self._call(results.AUTOMATION, method, model, self.context, model)

    def freshness(self, model: Model) -> str | None:
        """Return the longest time between two materializations, such as `25h`; None is no limit.

        It is the longest gap of the cron and `freshness_grace`. Of a model that no run evaluates
        again, only a tag sets a limit: seeds, and models with an `end`.
        """
        tagged = property_tags.of(model).freshness
        if tagged:
            return None if tagged == property_tags.NO_FRESHNESS else tagged
        if not self.config.freshness or model.is_seed or model.end is not None:
            return None
        gap = longest_gap(model.cron, model.cron_tz or "UTC")
        total = gap + minutes(self.config.freshness_grace)
        return f"{total}m" if total % 60 else f"{total // 60}h"

    def runs_on_upstream(self, model: Model) -> bool:
        """Return whether a model runs when data lands upstream, though its cron is not due."""
        tagged = property_tags.of(model).run_on_upstream
        wanted = self.config.run_on_upstream if tagged is None else tagged
        return wanted and not property_tags.never_on_upstream(model)

    def has_default_key(self, subject: Model | ExternalTable) -> bool:
        """Return whether no tag, translator or mapping says what the key is."""
        if isinstance(subject, Model):
            tagged = property_tags.of(subject).asset_key
            return not tagged and not overrides(self.translator, "get_asset_key")
        return not self.mapping and not overrides(self.translator, "get_external_asset_key")

    def collision(self, what: str, subject: Model | ExternalTable) -> CodegenError:
        """Return the error for a model or a table with another one's key, with what to change."""
        if self.mapping and not isinstance(subject, Model):
            hint = "Change the template so that it tells them apart."
            return SettingError(key_template.KEY, what, hint=hint)
        method = "get_asset_key" if isinstance(subject, Model) else "get_external_asset_key"
        if not overrides(self.translator, method):
            return ProjectError(what, hint="Change one of the tags dagster:asset_key.")
        hint = f"Change {type(self.translator).__name__}.{method} so that it tells them apart."
        return SettingError(_TRANSLATOR, what, hint=hint)

    def _call(
        self, adapter: TypeAdapter[T], method: str, subject: Model | ExternalTable, *given: object
    ) -> T:
        """Return what a method of the translator returns for these arguments, if it is valid."""
        try:
            value = getattr(self.translator, method)(*given)
        except CodegenError:
            raise
        except Exception as error:
            # A translator is the user's code, so it may raise any exception.
            raise SettingError(
                _TRANSLATOR,
                f"{type(self.translator).__name__}.{method} raises for {subject}",
                detail=f"{type(error).__name__}: {error}",
                hint="--debug shows where.",
            ) from error
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            path = error.errors()[0]["loc"]
            if isinstance(value, dict) and path and path[0] in value:
                value = {path[0]: value[path[0]]}
            raise self._refused(method, subject, value) from error

    def _refused(self, method: str, subject: Model | ExternalTable, value: object) -> SettingError:
        text = repr(value)
        shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
        what = f"{type(self.translator).__name__}.{method} returns {shown} for {subject}"
        return SettingError(_TRANSLATOR, what, hint=f"Return {results.WANTED[method]}.")
