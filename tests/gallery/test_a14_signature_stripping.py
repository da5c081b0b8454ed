"""Row 14: a message without its signature, under another's signature, or under another's name.

The attacker is the relay with an account of its own, or a certified partner: he seals whatever he
likes, and may have received genuine messages from the one he plays (iMessage 2016 let such a one
replace the outer signature). Defences: there is no unsigned form; the sender stands in the core,
the core stands in the signature, and the key that verifies is the one that the *named* sender's
agency certified.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.controls import without
from tests.gallery.parties import (
    FLASH,
    HOSPITAL,
    POLICE,
    SHELTER,
    STRANGER,
    Party,
    make_core,
    make_header,
    seal_by_hand,
    send,
    sign_for,
    text,
    unwrap,
)

from quietway.sealing import FORGED, PENDING, UNDECRYPTABLE, OpeningRefused, open_envelope
from quietway.sealing import STRANGER as NO_PARTNER
from quietway_schemas.envelope import Core

# The hospital is the attacker: a partner of both, certified, with genuine mail of the police.
CORE = make_core(POLICE, text(), HOSPITAL, SHELTER)
HEADER = make_header(SHELTER, FLASH)
GENUINE_SIGNATURE, _ = unwrap(HOSPITAL, send(POLICE, HOSPITAL, CORE, FLASH))


def _rename(core: bytes, to: Party) -> bytes:
    return replace(Core.unpack(core), agency=to.agency, device=to.device).pack()


FORGERIES = {
    "no signature, zeros in its place": bytes(64) + CORE,
    "the signature that the attacker received": GENUINE_SIGNATURE + CORE,
    "the attacker's own signature": sign_for(HOSPITAL.identity, SHELTER, HEADER, CORE) + CORE,
    "the attacker's words under another's name": sign_for(
        HOSPITAL.identity, SHELTER, HEADER, _rename(CORE, POLICE)
    )
    + _rename(CORE, POLICE),
    "another's words under the attacker's name": GENUINE_SIGNATURE + _rename(CORE, HOSPITAL),
}


def _refusal(message: bytes) -> str:
    envelope = seal_by_hand(SHELTER, HEADER, message)
    with pytest.raises(OpeningRefused) as refused:
        open_envelope(
            envelope, reader=SHELTER.reading(POLICE, HOSPITAL), now=Core.unpack(CORE).created
        )
    return refused.value.reason


@pytest.mark.requirement("D03")
@pytest.mark.parametrize("message", FORGERIES.values(), ids=FORGERIES)
def test_a_message_that_its_named_sender_did_not_sign_is_forged(message: bytes) -> None:
    """D03 demands that a message is believed only under a signature inside its encryption."""
    assert _refusal(message) == FORGED


def test_a_core_without_any_room_for_a_signature_is_not_a_message() -> None:
    # Its first 64 bytes are taken for a signature, and what follows is no core.
    assert _refusal(CORE) == UNDECRYPTABLE


def test_a_sender_that_no_pinned_agency_certifies_is_not_believed() -> None:
    core = _rename(CORE, STRANGER)
    assert _refusal(sign_for(STRANGER.identity, SHELTER, HEADER, core) + core) == NO_PARTNER


def test_a_device_of_one_agency_does_not_speak_for_another() -> None:
    core = replace(Core.unpack(CORE), agency=POLICE.agency, device=HOSPITAL.device).pack()
    assert _refusal(sign_for(HOSPITAL.identity, SHELTER, HEADER, core) + core) == PENDING


@pytest.mark.parametrize("message", FORGERIES.values(), ids=FORGERIES)
def test_control_without_the_signature_check_every_forgery_is_believed(
    message: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.sealing:verify_author", lambda *_: None)
    opened = SHELTER.open(seal_by_hand(SHELTER, HEADER, message), POLICE, HOSPITAL)
    assert opened.content == text()
    assert opened.core.device in {POLICE.device, HOSPITAL.device}
