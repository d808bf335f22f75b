"""Combine a translator, the configuration and a model's tags into the properties of its asset.

It checks what a translator returns, so that Dagster accepts it later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.config import key_template
from dg_sqlmesh_codegen.config.key_template import ExternalAssetMapping
from dg_sqlmesh_codegen.config.model import METADATA_KEYS, Config
from dg_sqlmesh_codegen.config.types import is_literal
from dg_sqlmesh_codegen.dagster_names import AssetKey
from dg_sqlmesh_codegen.errors import CodegenError, ProjectError, SettingError
from dg_sqlmesh_codegen.sqlmesh_project.records import ExternalTable, Model, Project

from . import property_tags
from .translator import SQLMeshTranslator, TranslationContext, overrides

_TRANSLATOR = "translator"
_MAX_KINDS = 10


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
    group_name: str | None = None
    owners: tuple[str, ...] = ()
    metadata_keys: tuple[str, ...] = METADATA_KEYS
    mapping: ExternalAssetMapping | None = None

    @classmethod
    def of(cls, config: Config, project: Project, translator: SQLMeshTranslator) -> Translation:
        """Combine them. A translator's own `get_external_asset_key` replaces the mapping."""
        own = overrides(translator, "get_external_asset_key")
        template = None if own else config.external_asset_mapping
        return cls(
            translator,
            TranslationContext(project, config.gateway, config.environment),
            config.group_name,
            config.owners,
            config.metadata_keys,
            ExternalAssetMapping(template) if template else None,
        )

    def asset_key(self, model: Model) -> AssetKey:
        """Return the key of a model."""
        if tagged := property_tags.of(model).asset_key:
            return tagged
        with self._call("get_asset_key", model) as result:
            return result.key(self.translator.get_asset_key(model))

    def external_key(self, table: ExternalTable) -> AssetKey:
        """Return the key of an external table."""
        if self.mapping:
            return self.mapping.key(table)
        with self._call("get_external_asset_key", table) as result:
            return result.key(self.translator.get_external_asset_key(table.fqn))

    def group(self, model: Model) -> str:
        """Return the group of a model."""
        if configured := property_tags.of(model).group_name or self.group_name:
            return configured
        with self._call("get_group_name", model) as result:
            return result.group(self.translator.get_group_name(self.context, model))

    def tags(self, model: Model) -> dict[str, str]:
        """Return the tags of a model's asset."""
        with self._call("get_tags", model) as result:
            return result.tags(self.translator.get_tags(self.context, model))

    def metadata(self, model: Model) -> dict[str, object]:
        """Return the metadata of a model's asset."""
        with self._call("get_metadata", model) as result:
            return result.metadata(self.translator.get_metadata(model, self.metadata_keys))

    def all_owners(self, model: Model) -> tuple[str, ...]:
        """Return the owners from the translator, the tags and the configuration."""
        with self._call("get_owners", model) as result:
            own = result.owners(self.translator.get_owners(model))
        return tuple(dict.fromkeys((*own, *property_tags.of(model).owners, *self.owners)))

    def kinds(self, model: Model) -> tuple[str, ...]:
        """Return the kinds of a model's asset, sorted."""
        tagged = property_tags.of(model).kinds
        with self._call("get_kinds", model) as result:
            return result.kinds(self.translator.get_kinds(model), tagged)

    def description(self, model: Model) -> str | None:
        """Return the description of a model's asset."""
        if tagged := property_tags.of(model).description:
            return tagged
        with self._call("get_description", model) as result:
            return result.description(self.translator.get_description(model))

    def collision(self, error: ProjectError, method: str) -> CodegenError:
        """Return the error for two models or tables with the same key, with the setting to change.

        `error` names the two; it is right if only their names in the project are the cause.
        `method` is the translator's method that returns these keys.
        """
        if self.mapping and method == "get_external_asset_key":
            hint = "Change the template so that it tells them apart."
            return SettingError(key_template.KEY, error.header, hint=hint)
        if not overrides(self.translator, method):
            return error
        hint = f"Change {type(self.translator).__name__}.{method} so that it tells them apart."
        return SettingError(_TRANSLATOR, error.header, hint=hint)

    @contextmanager
    def _call(self, method: str, subject: Model | ExternalTable) -> Iterator[_Result]:
        """Raise an error that names method and subject if the translator raises one."""
        result = _Result(f"{type(self.translator).__name__}.{method}", subject)
        try:
            yield result
        except CodegenError:
            raise
        except Exception as error:
            # A translator is the user's code, so it may raise any exception.
            raise SettingError(
                _TRANSLATOR,
                f"{result.method} raises for {subject}",
                detail=f"{type(error).__name__}: {error}",
                hint="--debug shows where.",
            ) from error


@dataclass(frozen=True, slots=True)
class _Result:
    """The result of a translator's method: each of these checks one type and returns it."""

    method: str
    subject: Model | ExternalTable

    def key(self, value: object) -> AssetKey:
        # A `dg.AssetKey` has a `path`; the generator does not import Dagster.
        path = getattr(value, "path", value)
        parts = (path,) if isinstance(path, str) else self._texts(path)
        self._require(bool(parts) and all(map(dagster_names.is_key_part, parts)), value, _KEY)
        return parts

    def group(self, value: object) -> str:
        self._require(isinstance(value, str) and dagster_names.is_group_name(value), value, _GROUP)
        return str(value)

    def tags(self, value: object) -> dict[str, str]:
        found = self._mapping(value, "a mapping of texts to texts")
        for key, text in found.items():
            self._require(
                isinstance(text, str) and dagster_names.is_tag(key, text), {key: text}, _TAGS
            )
        return {key: str(text) for key, text in found.items()}

    def metadata(self, value: object) -> dict[str, object]:
        found = self._mapping(value, "a mapping whose keys are texts")
        self._require("" not in found, value, "a mapping whose keys are texts")
        for key, each in found.items():
            self._require(is_literal(each), {key: each}, _LITERAL)
            self._require(key not in _DAGSTER_OBJECTS, {key: each}, _OTHER_KEYS)
            wanted = _DAGSTER_TYPES.get(key, object)
            self._require(isinstance(each, wanted), {key: each}, f"{wanted.__name__} for {key}")
        return found

    def owners(self, value: object) -> tuple[str, ...]:
        owners = self._texts(value)
        for owner in owners:
            self._require(dagster_names.owner(owner) == owner, owner, _OWNERS)
        return owners

    def kinds(self, value: object, tagged: Iterable[str]) -> tuple[str, ...]:
        own = self._texts(value)
        for kind in own:
            self._require(dagster_names.kind(kind) == kind, kind, _KINDS)
        kinds = tuple(sorted({*own, *tagged}))
        self._require(len(kinds) <= _MAX_KINDS, kinds, f"at most {_MAX_KINDS} kinds")
        return kinds

    def description(self, value: object) -> str | None:
        self._require(value is None or isinstance(value, str), value, "a text, or None")
        return str(value) if value else None

    def _mapping(self, value: object, wanted: str) -> dict[str, object]:
        found = dict(value) if isinstance(value, Mapping) else {None: None}
        texts = {key: each for key, each in found.items() if isinstance(key, str)}
        self._require(len(texts) == len(found), value, wanted)
        return texts

    def _texts(self, value: object) -> tuple[str, ...]:
        is_text = isinstance(value, str | bytes)
        items = [*value] if isinstance(value, Iterable) and not is_text else [None]
        texts = tuple(item for item in items if isinstance(item, str))
        self._require(len(texts) == len(items), value, "a sequence of texts")
        return texts

    def _require(self, valid: bool, value: object, wanted: str) -> None:
        if not valid:
            raise SettingError(
                _TRANSLATOR,
                f"{self.method} returns {_short(value)} for {self.subject}",
                hint=f"Return {wanted}.",
            )


_OTHER_KEYS = "no metadata that is written from the model's columns and lineage"
# Dagster's own metadata: keys whose values are Dagster objects, and the types of the others.
_DAGSTER_OBJECTS = {"dagster/column_schema", "dagster/column_lineage", "dagster/code_references"}
_DAGSTER_TYPES: Mapping[str, type] = {
    "dagster/partition_row_count": int,
    "dagster/relation_identifier": str,
    "dagster/row_count": int,
    "dagster/storage_kind": str,
    "dagster/table_name": str,
}
_KEY = "a key whose parts are of letters, digits, dots, - and _"
_GROUP = "a name of letters, digits and _; a slash may part it"
_TAGS = "tags of at most 63 letters, digits, dots, - and _; a slash may part the key"
_OWNERS = "e-mail addresses and team:names"
_KINDS = "kinds of at most 63 letters, digits, dots, - and _"
_LITERAL = "values that a module can hold as literals: texts, numbers, lists, mappings, None"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004
