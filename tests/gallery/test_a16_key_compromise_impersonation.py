"""Row 16: the thief of a recipient's key speaks to that recipient as somebody else.

The attacker has copied the epoch seeds of the shelter's device, and so reads what is sealed to it.
He wants the shelter to believe "the police say". Where authenticity comes from a key agreement
between the two (HPKE's auth modes, RFC 9180 section 9.1.1; NaCl's box), the recipient's key is
enough for that. Defence: a signature by a key that only the sender has, over recipient, header and
core.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from nacl import bindings
from tests.controls import without
from tests.gallery.parties import (
    FLASH,
    NOW,
    POLICE,
    SHELTER,
    draw,
    make_core,
    make_header,
    seal_by_hand,
    send,
    sign_for,
    text,
    unwrap,
)

from quietway.sealing import FORGED, OpeningRefused, open_envelope
from quietway_schemas.content.registry import encode_content
from quietway_schemas.envelope import Core

if TYPE_CHECKING:
    from quietway_schemas.envelope import Header
    from quietway_schemas.ids import DeviceId

FORGED_CORE = make_core(POLICE, text("He is in custody. Take her home."), SHELTER)
GENUINE = send(POLICE, SHELTER, make_core(POLICE, text(), SHELTER), FLASH)
# All that the attacker stole: the key of the running flash epoch, here as X25519.
STOLEN = SHELTER.pair(FLASH, FLASH.epoch_of(NOW), 1)


def _refusal(envelope: bytes) -> str:
    with pytest.raises(OpeningRefused) as refused:
        open_envelope(envelope, reader=SHELTER.reading(POLICE), now=NOW)
    return refused.value.reason


def _agree(private: bytes, signing_public: bytes) -> bytes:
    public = bindings.crypto_sign_ed25519_pk_to_curve25519(signing_public)
    return bindings.crypto_scalarmult(private, public)


def _authenticate(shared: bytes, device: DeviceId, header: Header, core: bytes) -> bytes:
    return hmac.digest(shared, device.value + header.pack() + core, hashlib.sha512)


def test_the_stolen_key_is_the_right_one_and_opens_the_mail() -> None:
    signature, core = unwrap(SHELTER, GENUINE)
    assert len(signature) == 64
    assert Core.unpack(core).content == encode_content(text())


def test_the_thief_cannot_sign_for_the_police_with_any_key_he_has() -> None:
    header = make_header(SHELTER, FLASH)
    shared = _agree(STOLEN.private.reveal(), POLICE.identity_key)
    for signature in (
        _authenticate(shared, SHELTER.device, header, FORGED_CORE),
        sign_for(SHELTER.identity, SHELTER, header, FORGED_CORE),
        draw("guess", 32) * 2,
    ):
        assert _refusal(seal_by_hand(SHELTER, header, signature + FORGED_CORE)) == FORGED


def test_the_thief_cannot_change_a_word_of_what_he_opened() -> None:
    signature, core = unwrap(SHELTER, GENUINE)
    header = make_header(SHELTER, FLASH, label="police to shelter")
    assert SHELTER.open(seal_by_hand(SHELTER, header, signature + core), POLICE).core.pack() == core
    for changed in (
        replace(Core.unpack(core), content=encode_content(text("Take her home."))),
        replace(Core.unpack(core), seq=1),
        replace(Core.unpack(core), expires=NOW + 1),
    ):
        assert _refusal(seal_by_hand(SHELTER, header, signature + changed.pack())) == FORGED


def test_the_thief_cannot_send_it_again_under_a_new_envelope_id() -> None:
    signature, core = unwrap(SHELTER, GENUINE)
    again = make_header(SHELTER, FLASH, label="another id")
    assert _refusal(seal_by_hand(SHELTER, again, signature + core)) == FORGED


def test_control_with_a_key_agreement_in_place_of_a_signature_the_thief_is_the_police(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Authenticate as NaCl's box does: both ends can make what either can check."""

    def agree_instead(
        identity_key: bytes, device: DeviceId, header: Header, core: bytes, signature: bytes
    ) -> None:
        shared = _agree(STOLEN.private.reveal(), identity_key)
        if not hmac.compare_digest(signature, _authenticate(shared, device, header, core)):
            raise OpeningRefused(FORGED)

    without(monkeypatch, "quietway.sealing:verify_author", agree_instead)
    header = make_header(SHELTER, FLASH)
    shared = _agree(STOLEN.private.reveal(), POLICE.identity_key)
    forged = _authenticate(shared, SHELTER.device, header, FORGED_CORE) + FORGED_CORE
    opened = SHELTER.open(seal_by_hand(SHELTER, header, forged), POLICE)
    assert opened.core.agency == POLICE.agency
    assert opened.core.pack() == FORGED_CORE
