"""A translator, the configuration and a model's own tags -> what its asset is given.

What a translator returns is checked here, so that Dagster refuses nothing of it later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.config import key_template
from dg_sqlmesh_codegen.config.key_template import ExternalAssetMapping
from dg_sqlmesh_codegen.config.model import METADATA_KEYS, Config
from dg_sqlmesh_codegen.config.types import is_literal
from dg_sqlmesh_codegen.errors import CodegenError, ProjectError, SettingError
from dg_sqlmesh_codegen.sqlmesh_project.records import ExternalTable, Model, Project

from . import property_tags
from .translator import SQLMeshTranslator, TranslationContext

Key = tuple[str, ...]
_TRANSLATOR = "translator"
_MAX_KINDS = 10


def names_externals(translator: SQLMeshTranslator) -> bool:
    """Return whether a translator has a `get_external_asset_key` of its own."""
    own = type(translator).get_external_asset_key
    return own is not SQLMeshTranslator.get_external_asset_key


@dataclass(frozen=True, slots=True)
class Translation:
    """The answers of one translator, checked and combined with tags and configuration.

    Priority: a model's tag `dagster:property:value`, then the configuration, then the translator.

    Raises:
        SettingError: naming class, method and model, where a translator raises or returns what a
            generated module, or Dagster, cannot take.
    """

    translator: SQLMeshTranslator
    context: TranslationContext
    group_name: str | None = None
    owners: tuple[str, ...] = ()
    metadata_keys: tuple[str, ...] = METADATA_KEYS
    mapping: ExternalAssetMapping | None = None

    @classmethod
    def of(cls, config: Config, project: Project, translator: SQLMeshTranslator) -> Translation:
        """Combine them; a translator that names external tables itself has the mapping left out."""
        template = None if names_externals(translator) else config.external_asset_mapping
        return cls(
            translator,
            TranslationContext(project, config.gateway, config.environment),
            config.group_name,
            config.owners,
            config.metadata_keys,
            ExternalAssetMapping(template) if template else None,
        )

    def asset_key(self, model: Model) -> Key:
        """Return the key of a model."""
        tagged = property_tags.of(model).asset_key
        if tagged:
            return tagged
        with self._call("get_asset_key", model) as call:
            return call.key(self.translator.get_asset_key(model))

    def external_key(self, table: ExternalTable) -> Key:
        """Return the key of a table that SQLMesh does not write."""
        if self.mapping:
            return self.mapping.key(table)
        with self._call("get_external_asset_key", table) as call:
            return call.key(self.translator.get_external_asset_key(table.fqn))

    def group(self, model: Model) -> str:
        """Return the group of a model."""
        configured = property_tags.of(model).group_name or self.group_name
        if configured:
            return configured
        with self._call("get_group_name", model) as call:
            return call.group(self.translator.get_group_name(self.context, model))

    def tags(self, model: Model) -> dict[str, str]:
        """Return the tags of a model's asset."""
        with self._call("get_tags", model) as call:
            return call.tags(self.translator.get_tags(self.context, model))

    def metadata(self, model: Model) -> dict[str, object]:
        """Return the metadata of a model's asset."""
        with self._call("get_metadata", model) as call:
            return call.metadata(self.translator.get_metadata(model, self.metadata_keys))

    def all_owners(self, model: Model) -> tuple[str, ...]:
        """Return the model's owners, those that its tags name, and those of the configuration."""
        with self._call("get_owners", model) as call:
            own = call.owners(self.translator.get_owners(model))
        return tuple(dict.fromkeys((*own, *property_tags.of(model).owners, *self.owners)))

    def kinds(self, model: Model) -> tuple[str, ...]:
        """Return the kinds of a model's asset, sorted."""
        with self._call("get_kinds", model) as call:
            own = call.kinds(self.translator.get_kinds(model))
            return call.few((*own, *property_tags.of(model).kinds))

    def description(self, model: Model) -> str | None:
        """Return the description of a model's asset."""
        tagged = property_tags.of(model).description
        if tagged:
            return tagged
        with self._call("get_description", model) as call:
            return call.description(self.translator.get_description(model))

    def blamed(self, error: ProjectError, method: str) -> CodegenError:
        """Return the error of two things that get one key, said of whatever named the keys.

        Args:
            error: says which two, and is right where nothing but the project's names is the cause.
            method: of the translator, the one that is asked for such keys.
        """
        if self.mapping and method == "get_external_asset_key":
            hint = "Change the template so that it tells them apart."
            return SettingError(key_template.KEY, error.header, hint=hint)
        if getattr(type(self.translator), method) is getattr(SQLMeshTranslator, method):
            return error
        hint = f"Change {type(self.translator).__name__}.{method} so that it tells them apart."
        return SettingError(_TRANSLATOR, error.header, hint=hint)

    def _call(self, method: str, subject: Model | ExternalTable) -> _Call:
        return _Call(f"{type(self.translator).__name__}.{method}", subject)


class _Call:
    """One call of a translator: whatever goes wrong in it names method and subject."""

    def __init__(self, method: str, subject: Model | ExternalTable) -> None:
        self._method = method
        self._subject = subject

    def __enter__(self) -> _Call:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # A translator is the user's code, so any exception may come of it.
        if isinstance(error, Exception) and not isinstance(error, CodegenError):
            raise SettingError(
                _TRANSLATOR,
                f"{self._method} raises for {self._subject}",
                detail=f"{type(error).__name__}: {error}",
                hint="--debug shows where.",
            ) from error

    def key(self, value: object) -> Key:
        # A `dg.AssetKey` has a `path`; Dagster is not imported to know one.
        path = getattr(value, "path", value)
        parts = (path,) if isinstance(path, str) else self._texts(path)
        self._require(bool(parts) and all(map(dagster_names.is_key_part, parts)), value, _KEY)
        return tuple(parts)

    def group(self, value: object) -> str:
        self._require(isinstance(value, str) and dagster_names.is_group_name(value), value, _GROUP)
        return str(value)

    def tags(self, value: object) -> dict[str, str]:
        self._require(isinstance(value, Mapping), value, "a mapping of texts to texts")
        assert isinstance(value, Mapping)  # noqa: S101 - for mypy: just required
        for key, text in value.items():
            well = (
                isinstance(key, str) and isinstance(text, str) and dagster_names.is_tag(key, text)
            )
            self._require(well, {key: text}, _TAGS)
        return dict(value)

    def metadata(self, value: object) -> dict[str, object]:
        well = isinstance(value, Mapping) and all(isinstance(key, str) and key for key in value)
        self._require(well, value, "a mapping whose keys are texts")
        assert isinstance(value, Mapping)  # noqa: S101 - for mypy: just required
        for key, each in value.items():
            self._require(is_literal(each), {key: each}, _LITERAL)
            self._require(key not in _DAGSTERS, {key: each}, _OTHER_KEYS)
            wanted = _DAGSTER_TYPES.get(key, object)
            self._require(isinstance(each, wanted), {key: each}, f"{wanted.__name__} for {key}")
        return dict(value)

    def owners(self, value: object) -> tuple[str, ...]:
        owners = self._texts(value)
        for owner in owners:
            self._require(
                dagster_names.owner(owner) == owner, owner, "e-mail addresses and team:names"
            )
        return owners

    def kinds(self, value: object) -> tuple[str, ...]:
        kinds = self._texts(value)
        for kind in kinds:
            self._require(dagster_names.kind(kind) == kind, kind, _KINDS)
        return self.few(kinds)

    def few(self, kinds: Iterable[str]) -> tuple[str, ...]:
        found = tuple(sorted(set(kinds)))
        self._require(len(found) <= _MAX_KINDS, found, f"at most {_MAX_KINDS} kinds")
        return found

    def description(self, value: object) -> str | None:
        self._require(value is None or isinstance(value, str), value, "a text, or None")
        return str(value) if value else None

    def _texts(self, value: object) -> tuple[str, ...]:
        well = isinstance(value, Iterable) and not isinstance(value, str | bytes)
        self._require(well, value, "a sequence of texts")
        texts = tuple(_iterated(value))
        self._require(all(isinstance(text, str) for text in texts), value, "a sequence of texts")
        return tuple(map(str, texts))

    def _require(self, well: bool, value: object, wanted: str) -> None:
        if not well:
            raise SettingError(
                _TRANSLATOR,
                f"{self._method} returns {_short(value)} for {self._subject}",
                hint=f"Return {wanted}.",
            )


_OTHER_KEYS = "no metadata that is written from the model's columns and lineage"
# Dagster's own metadata: what holds its objects, and the types of the rest (TableMetadataSet).
_DAGSTERS = {"dagster/column_schema", "dagster/column_lineage", "dagster/code_references"}
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
_KINDS = "kinds of at most 63 letters, digits, dots, - and _"
_LITERAL = "values that a module can hold as literals: texts, numbers, lists, mappings, None"


def _iterated(value: object) -> Iterator[object]:
    if isinstance(value, Iterable):
        yield from value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004
