"""Writes the shared contract as files: a JSON Schema per object, and all codes as one table.

`python -m quietway_schemas.export schemas/json` writes them, with `--check` it only compares and
ends with status 1 where a file differs. The models are the source; the files are for other
languages. JSON Schema can't say everything that the models hold (caps in bytes, order, which state
may follow which): the spec and `schemas/README.md` do.

Spec: schemas/README.md, "Exported".
"""

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from quietway_schemas import (
    dictionary,
    directory,
    evidence,
    frames,
    linking,
    log,
    problems,
    snapshot,
    wake,
)
from quietway_schemas.codebook.lists import (
    DICTIONARY_VERSION,
    entries,
    list_names,
    read_list_files,
)
from quietway_schemas.content import agreement
from quietway_schemas.content.registry import CONTENT_TYPES
from quietway_schemas.dictionary_steps import DictionaryFiles
from quietway_schemas.fields import ALWAYS_WRITTEN, WireModel

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

OBJECTS: Final[Mapping[str, type[WireModel]]] = MappingProxyType(
    {
        **{name: row.model for name, row in CONTENT_TYPES.items()},
        "agreement.signed": agreement.SignedAgreement,
        "agreement.terms": agreement.AgreementTerms,
        "dictionary.approved": dictionary.ApprovedDictionary,
        "dictionary.release": dictionary.DictionaryRelease,
        "directory.ops-list": directory.OpsList,
        "directory.certificate": directory.Certificate,
        "directory.manifest": directory.Manifest,
        "directory.epoch-batch": directory.EpochBatch,
        "directory.week-of-lanes": directory.WeekOfLanes,
        "directory.signed-object": directory.SignedObject,
        "directory.page": directory.DirectoryPage,
        "frame.hello": frames.Hello,
        "frame.welcome": frames.Welcome,
        "frame.ack": frames.Ack,
        "frame.latest": frames.Latest,
        "frame.closing": frames.Closing,
        "log.consistency": log.LogConsistency,
        "log.evidence": evidence.ForkFile,
        "log.leaves": log.LogLeaves,
        "link.request": linking.LinkRequest,
        "link.offer": linking.LinkOffer,
        "snapshot.text": snapshot.SnapshotText,
        "wake.endpoints": wake.WakeEndpoints,
        "problem": problems.ProblemBody,
    }
)
"""Everything that is exported, by the name of its file."""


class _WireSchema(GenerateJsonSchema):
    """JSON Schema as it is on the wire: an absent field is left out and never null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        # A default is what the reader assumes; writing it is refused, so the schema stays silent.
        return self.generate_inner(schema["schema"])

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,  # noqa: FBT001  # the signature is pydantic's
    ) -> bool:
        inner = field["schema"]
        written = inner["type"] == "default" and self._is_written(inner["schema"])
        return written or super().field_is_required(field, total)

    def _is_written(self, schema: core_schema.CoreSchema) -> bool:
        if ALWAYS_WRITTEN in (schema.get("metadata") or {}):
            return True
        return schema["type"] == "literal" and len(schema["expected"]) == 1


def make_schema(name: str) -> JsonSchemaValue:
    """Describe one object of `OBJECTS` in JSON Schema, draft 2020-12."""
    model = OBJECTS[name]
    body = model.model_json_schema(by_alias=True, schema_generator=_WireSchema)
    return {"$schema": _DIALECT, "$id": f"urn:quietway:schema:{name}:1", **body}


def make_codes_table() -> str:
    """Write all codes as CSV; `maps_to` says what other systems call them."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(("list", "code", "label", "maps_to", "side", "dictionary_version"))
    for name in list_names():
        for entry in entries(name).values():
            mapped = ";".join(f"{system}={other}" for system, other in entry.maps_to.items())
            row = (name, entry.code, entry.label, mapped, entry.side, DICTIONARY_VERSION)
            table.writerow(row)
    return out.getvalue()


def make_schema_text(name: str) -> str:
    """Write the schema of one object of `OBJECTS` as its file holds it."""
    return json.dumps(make_schema(name), indent=2, ensure_ascii=False) + "\n"


def make_dictionary_files() -> DictionaryFiles:
    """Give the files that a release of the dictionary names: code lists and content schemas."""
    schemas = {name: make_schema_text(name).encode("utf-8") for name in CONTENT_TYPES}
    return DictionaryFiles(code_lists=read_list_files(), schemas=schemas)


def make_files() -> dict[str, str]:
    """Make every exported file: its name and its text."""
    schemas = {f"{name}.schema.json": make_schema_text(name) for name in sorted(OBJECTS)}
    return {**schemas, "codes.csv": make_codes_table()}


def find_differences(folder: Path) -> list[str]:
    """Name the files of a folder that are missing, different, or not ours."""
    made = make_files()
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    return sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with `--check` compare them.

    Returns:
        0, or 1 where a compared file differs, or 2 for a call that makes no sense.
    """
    folders = [argument for argument in arguments if argument != "--check"]
    if len(folders) != 1 or not Path(folders[0]).is_dir():
        sys.stderr.write("Name one existing folder, for instance: schemas/json\n")
        return 2
    folder = Path(folders[0])
    if "--check" not in arguments:
        for name, text in make_files().items():
            (folder / name).write_text(text, encoding="utf-8")
    differing = find_differences(folder)
    for name in differing:
        sys.stderr.write(f"{name} differs from the models: run this again without --check.\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
