"""What stays behind of a file is read all the same, so that nobody copies it unwarned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.controls import without

from quietway.interop import FieldFinding, preview_referral
from quietway.interop.guarded import MOST_READ

if TYPE_CHECKING:
    from collections.abc import Mapping

VIN = "1M8GDM9AXKP042788"


def write(**fields: object) -> bytes:
    resource: Mapping[str, object] = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/1"},
        **fields,
    }
    return json.dumps(resource).encode()


@pytest.mark.requirement("A26")
def test_fields_that_stay_behind_are_named_where_they_say_where_somebody_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A26: nothing of an imported file flows on unread; the control finds nothing in it."""
    raw = write(
        note=[{"text": f"The car has VIN {VIN}."}, {"text": "All is well."}],
        subject={"reference": "Patient/1", "display": f"VIN {VIN}"},
        code={"coding": [{"system": "urn:x", "code": VIN}]},
        Rosalind={"text": f"VIN {VIN}"},
    )
    coded = preview_referral(raw)
    assert coded.found == (
        FieldFinding("(unknown name).text", ("vehicle.vin",)),
        FieldFinding("note.text", ("vehicle.vin",)),
        FieldFinding("subject.display", ("vehicle.vin",)),
    )
    assert VIN not in repr(coded)
    without(monkeypatch, "quietway.interop.guarded:inspect", lambda _: ())
    assert preview_referral(raw).found == ()


def test_a_file_in_which_nothing_is_found_says_nothing() -> None:
    assert preview_referral(write(note=[{"text": "She asks for a bed."}])).found == ()


def test_what_is_not_read_is_told() -> None:
    long = "She asks for a bed. " * (MOST_READ // 20 + 1)
    coded = preview_referral(write(note=[{"text": long}, {"text": f"VIN {VIN}"}]))
    assert coded.found == (FieldFinding("file", ("unread",)),)
