"""An agency's own record of its referrals, as JSON or as a table: packets and whole histories.

This is not for sending. It holds the words that staff wrote, and it is no longer encrypted once it
is written down. The JSON is complete and exact. The table has a row for each thing that was said;
its cells are made safe for spreadsheets, which would run a cell that begins like a formula.

It opens no file: bytes go out, and the caller keeps them where they are safe.

Spec: docs/reference/interop.md, "Your own record".
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Final

from quietway_schemas.codebook.lists import DICTIONARY_VERSION
from quietway_schemas.instants import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from quietway.views.referrals import Referral, ReferralStep

FORMAT: Final = "quietway-referrals-1"

COLUMNS: Final = (
    "referral_ref",
    "direction",
    "state_now",
    "conversation",
    "step",
    "sent_at",
    "agency",
    "counted",
    "type",
    "schema_version",
    "dictionary_version",
    "exercise",
    "case_ref",
    "purpose_of_use",
    "disclosure_basis",
    "identifiability",
    "handling",
    "agreement_id",
    "referring.agency",
    "referring.program",
    "referring.staff",
    "referring.contact",
    "referring.at",
    "receiving.program",
    "receiving.preferred_channel",
    "receiving.eligibility_note",
    "service_type",
    "purpose_code",
    "purpose_text",
    "info_basis",
    "time_sensitivity",
    "pathway",
    "referred_by",
    "survivor_choice",
    "identity_mode",
    "feedback_due",
    "entry_point",
    "stated_goal",
    "vsp_contact.staff",
    "vsp_contact.contact",
    "state",
    "at",
    "reason_code",
    "reason_side",
    "next_steps",
    "filler_ref",
    "episode.intake",
    "episode.referral",
    "episode.service_start",
    "episode.closure",
    "consent_id",
    "retain_days",
    "compartment",
    "circumstance",
    "joint_call",
    "client_present",
)
"""The table's columns: where a step stands, and every field of a packet or an answer."""

_MOMENTS: Final = frozenset(("referring.at", "feedback_due", "joint_call", "at"))
# What a spreadsheet takes for the beginning of a formula, its wide forms included.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def write_json(referrals: Iterable[Referral]) -> bytes:
    """Write referrals as JSON, complete and exact, in ASCII."""
    record = {
        "format": FORMAT,
        "dictionary_version": DICTIONARY_VERSION,
        "referrals": [_record(referral) for referral in referrals],
    }
    return json.dumps(record, indent=2).encode("ascii") + b"\n"


def write_csv(referrals: Iterable[Referral]) -> bytes:
    """Write referrals as a table: RFC 4180, UTF-8, a row for each step.

    Moments are written as text, for people. A cell that a spreadsheet could take for a formula
    begins with an apostrophe.
    """
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for referral in referrals:
        writer.writerows(_list_rows(referral))
    return table.getvalue().encode()


def _record(referral: Referral) -> dict[str, object]:
    return {
        "referral_ref": str(referral.ref),
        "direction": referral.direction,
        "state": referral.state,
        "conversation": str(referral.conversation),
        "agencies": [str(agency) for agency in referral.agencies],
        "packet": referral.packet.model_dump(mode="json", exclude_none=True),
        "history": [_record_step(step) for step in referral.history],
    }


def _record_step(step: ReferralStep) -> dict[str, object]:
    return {
        "sent_at": to_text(step.at),
        "agency": str(step.agency),
        "counted": step.counted,
        "content": step.content.model_dump(mode="json", exclude_none=True),
    }


def _list_rows(referral: Referral) -> Iterator[dict[str, str]]:
    for number, step in enumerate(referral.history, start=1):
        row: dict[str, object] = {
            **dict(_flatten(step.content.model_dump(mode="json", exclude_none=True))),
            "referral_ref": str(referral.ref),
            "direction": referral.direction,
            "state_now": referral.state,
            "conversation": str(referral.conversation),
            "step": number,
            "sent_at": to_text(step.at),
            "agency": str(step.agency),
            "counted": step.counted,
        }
        yield {name: _disarm(_show(value)) for name, value in row.items()}


def _flatten(held: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    for name, value in held.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{above}{name}.")
        elif f"{above}{name}" in _MOMENTS and isinstance(value, int):
            yield f"{above}{name}", to_text(value)
        else:
            yield f"{above}{name}", value


def _show(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return " ".join(str(held) for held in value)
        case _:
            return str(value)


def _disarm(cell: str) -> str:
    return f"'{cell}" if cell.lstrip(" \n").startswith(_FORMULA) else cell
