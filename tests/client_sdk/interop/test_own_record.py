"""An agency's own record: nothing lost, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.interop.referrals import STATES, make_packet, make_referral
from tests.controls import without

from quietway.content import (
    ContentModel,
    Episode,
    ReferralFeedback,
    ReferralPacket,
    VspContact,
)
from quietway.interop import write_csv, write_json
from quietway.interop.own_record import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway_schemas.content.base import ContentPart

TRIGGERS = ("=", "+", "-", "@", "\t", "\r")


def read_table(raw: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(raw.decode(), newline=""), strict=True))


def list_fields(model: type[ContentPart], above: str = "") -> Iterator[str]:
    schema = model.model_json_schema()
    for name, told in schema["properties"].items():
        refs = [held["$ref"] for held in (told, *told.get("anyOf", ())) if "$ref" in held]
        inside = [schema["$defs"][ref.rpartition("/")[2]] for ref in refs]
        parts = [part["properties"] for part in inside if "properties" in part]
        yield from (f"{above}{name}.{each}" for part in parts for each in part)
        if not parts:
            yield f"{above}{name}"


def test_the_record_is_complete_and_its_contents_are_read_back_as_they_were() -> None:
    referrals = [make_referral(state) for state in STATES]

    record = json.loads(write_json(referrals))

    assert record["format"] == "quietway-referrals-1"
    for held, referral in zip(record["referrals"], referrals, strict=True):
        assert held["state"] == referral.state
        assert ReferralPacket.model_validate_json(json.dumps(held["packet"])) == referral.packet
        for step, said in zip(held["history"], referral.history, strict=True):
            read = type(said.content).model_validate_json(json.dumps(step["content"]))
            assert read == said.content


@pytest.mark.parametrize("model", [ReferralPacket, ReferralFeedback])
def test_the_table_has_a_column_for_every_field(model: type[ContentModel]) -> None:
    assert set(list_fields(model)) <= set(COLUMNS)
    assert len(COLUMNS) == len(set(COLUMNS))


@pytest.mark.requirement("A24")
def test_the_table_has_a_row_for_each_step_and_is_read_back_by_any_reader() -> None:
    """A24: CSV export; RFC 4180, so that every other system reads it."""
    packet = make_packet(
        purpose_text='Two lines,\nand "quotes" \u00e9',
        identity_mode="vsp_contact",
        vsp_contact=VspContact(staff="Desk", contact="2041"),
        episode=Episode.model_validate({"intake": "2026-11-01"}, strict=False),
    )
    raw = write_csv([make_referral("declined", packet=packet), make_referral("sent")])

    rows = read_table(raw)

    assert raw.split(b"\r\n")[0] == ",".join(COLUMNS).encode()
    assert [(row["step"], row["type"], row["state_now"]) for row in rows] == [
        ("1", "referral.packet", "declined"),
        ("2", "referral.outcome", "declined"),
        ("1", "referral.packet", "sent"),
    ]
    assert rows[0]["purpose_text"] == packet.purpose_text
    assert (rows[0]["feedback_due"], rows[1]["at"]) == (
        "2026-11-24T10:00:00.000Z",
        "2026-11-23T10:01:00.000Z",
    )
    assert (rows[0]["vsp_contact.contact"], rows[0]["episode.intake"]) == ("2041", "2026-11-01")
    assert (rows[1]["reason_code"], rows[1]["counted"]) == ("no_capacity", "true")


@settings(max_examples=150, deadline=None)
@given(
    lead=st.sampled_from(["", " ", "\n"]),
    trigger=st.sampled_from(["=", "+", "-", "@", "\uff1d", "\uff20"]),
    rest=st.text(st.characters(categories=["L", "N", "P"]), max_size=20),
)
def test_no_cell_begins_like_a_formula_whatever_was_written(
    lead: str, trigger: str, rest: str
) -> None:
    text = f"{lead}{trigger}{rest}"

    (row,) = read_table(write_csv([make_referral("sent", packet=make_packet(purpose_text=text))]))

    assert row["purpose_text"] == f"'{text}"
    assert not [cell for cell in row.values() if cell.lstrip(" \n").startswith(TRIGGERS)]


def test_without_that_care_a_cell_is_a_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "quietway.interop.own_record:_disarm", lambda cell: cell)
    packet = make_packet(purpose_text="=cmd()")

    (row,) = read_table(write_csv([make_referral("sent", packet=packet)]))

    assert row["purpose_text"].startswith(TRIGGERS)
