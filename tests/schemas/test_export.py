"""The exported files: held to the models, and valid for what the models write."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tests.logged_pages import make_page
from tests.schemas.samples import (
    LONGEST_NOTE,
    draw,
    make_batch,
    make_largest,
    make_manifest,
    make_smallest,
    make_status,
)

from quietway_schemas import export, frames
from quietway_schemas.canonical import decode_canonical
from quietway_schemas.content.base import ContentModel
from quietway_schemas.directory import DirectoryEntry, SignedObject
from quietway_schemas.evidence import ForkFile
from quietway_schemas.fields import WireModel
from quietway_schemas.ids import AgencyId
from quietway_schemas.problems import ProblemBody

FOLDER = Path(__file__).parents[2] / "schemas" / "json"
SIGNED = SignedObject(payload=b"{}", signature=bytes(64))
ENTRY = DirectoryEntry(seq=1, kind="epochs", agency_id=AgencyId(draw()), object=SIGNED)
WIRE: list[tuple[str, WireModel]] = [
    ("directory.manifest", make_manifest()),
    ("directory.epoch-batch", make_batch()),
    ("directory.signed-object", SIGNED),
    ("directory.page", make_page(ENTRY, more=True)),
    (
        "log.evidence",
        ForkFile(first=LONGEST_NOTE, log_key=bytes(32), path=(bytes(32),), second=LONGEST_NOTE),
    ),
    ("frame.hello", frames.Hello(after=1, witness_now=bytes(16))),
    ("frame.ack", frames.Ack(seqs=(1, 2))),
    ("problem", ProblemBody.of("conflict", index=1)),
]


def validate(name: str, held: object) -> list[str]:
    schema = export.make_schema(name)
    Draft202012Validator.check_schema(schema)
    return [error.message for error in Draft202012Validator(schema).iter_errors(held)]


@pytest.mark.requirement("D08")
def test_the_files_are_those_that_the_models_export() -> None:
    """D08: schemas/ is the shared contract: JSON Schemas, codes.csv and dictionary version."""
    assert export.find_differences(FOLDER) == []
    assert export.main(["--check", str(FOLDER)]) == 0


@pytest.mark.requirement("D08")
@pytest.mark.parametrize("content", make_smallest() + make_largest("م", 2), ids=lambda c: c.type)
def test_what_the_models_write_is_valid_by_the_exported_schema(content: ContentModel) -> None:
    """D08: a reader in another language may test against the files."""
    held = decode_canonical(content.to_canonical(), max_bytes=10_000)
    assert validate(content.type, held) == []


@pytest.mark.parametrize(("name", "held"), WIRE, ids=[name for name, _ in WIRE])
def test_directory_frames_and_problems_are_valid_by_the_exported_schema(
    name: str, held: WireModel
) -> None:
    assert validate(name, decode_canonical(held.to_canonical(), max_bytes=200_000)) == []


def test_every_object_has_a_schema_that_is_itself_valid() -> None:
    for name in export.OBJECTS:
        Draft202012Validator.check_schema(export.make_schema(name))


def test_the_exported_schema_refuses_unknown_fields_and_codes_and_absent_headers() -> None:
    held = decode_canonical(make_status().to_canonical(), max_bytes=10_000)
    assert validate("status.indicator", {**held, "note": "x"})
    assert validate("status.indicator", {**held, "code": "x"})
    for name in ("type", "schema_version", "dictionary_version", "expires"):
        without_one = {key: value for key, value in held.items() if key != name}
        assert validate("status.indicator", without_one)


def test_a_file_that_differs_is_named_and_ends_with_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export.main([str(tmp_path)]) == 0
    (tmp_path / "codes.csv").write_text("changed", encoding="utf-8")
    (tmp_path / "stray.json").write_text("{}", encoding="utf-8")
    assert export.main([str(tmp_path), "--check"]) == 1
    assert "codes.csv" in capsys.readouterr().err
    assert export.find_differences(tmp_path) == ["codes.csv", "stray.json"]


def test_a_call_without_a_folder_says_what_to_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert export.main([]) == 2
    assert "folder" in capsys.readouterr().err
