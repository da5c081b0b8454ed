"""Row 15: an anonymous sealed box is taken for a message.

The attacker is anyone who has a device's public key, and everybody has: a sealed box does not say
who sealed it ("the recipient cannot verify the identity of the sender", says libsodium's own page).
He seals a referral to the shelter. Defences: what a box held is untrusted bytes, of a type of its
own that never leaves the room, until the signature of a certified device over it holds; what is
refused leaves no trace but a count.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.contents import MAKERS
from tests.gallery.parties import (
    CASE,
    STRANGER,
    make_core,
    make_header,
    seal_by_hand,
    sign_for,
)
from tests.gallery.world import World

from quietway.sealing import FORGED
from quietway_schemas.content.referral import ReferralPacket
from quietway_schemas.content.registry import encode_content

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.gallery.parties import Someone
    from tests.gallery.world import Staff

CANARY = "canary 4711"


def _invent() -> ReferralPacket:
    packet = MAKERS["referral.packet"](random.Random(15))
    assert isinstance(packet, ReferralPacket)
    return packet.model_copy(update={"purpose_text": CANARY})


def _seal_content(_claimed: Someone, to: Someone) -> bytes:
    """Seal nothing but the content, as one would who has read no spec."""
    return seal_by_hand(to, make_header(to, CASE), encode_content(_invent()))


def _seal_unsigned(claimed: Someone, to: Someone, *, suite: int = 2) -> bytes:
    header = make_header(to, CASE, suite=suite)
    return seal_by_hand(to, header, bytes(64) + make_core(claimed, _invent(), to))


def _seal_as_stranger(_claimed: Someone, to: Someone) -> bytes:
    core, header = make_core(STRANGER, _invent(), to), make_header(to, CASE)
    return seal_by_hand(to, header, sign_for(STRANGER.identity, to, header, core) + core)


def _seal_unsigned_in_a_sealed_box(claimed: Someone, to: Someone) -> bytes:
    return _seal_unsigned(claimed, to, suite=1)


KEPT_SEALED: list[str] = []
BOXES: dict[str, tuple[Callable[[Someone, Someone], bytes], list[str]]] = {
    # Taken for a core, the letters of a JSON text name a sender that does not exist.
    "content alone": (_seal_content, KEPT_SEALED),
    "a core without a signature": (_seal_unsigned, [FORGED]),
    "the same in libsodium's sealed box": (_seal_unsigned_in_a_sealed_box, [FORGED]),
    "signed by nobody we know": (_seal_as_stranger, KEPT_SEALED),
}


async def _receive(folder: Path, make: Callable[[Someone, Someone], bytes]) -> Staff:
    world = World(folder)
    police = await world.found("POLICE-DESK")
    shelter = await world.found("SHELTER-DESK", police)
    world.deliver(shelter, make(police, shelter))
    for _ in range(6):
        assert (await shelter.client.sync()).received == 0
        assert await _find_canary(shelter) == []
    assert world.held_for(shelter) == []
    return shelter


async def _find_canary(staff: Staff) -> list[str]:
    """Name the kinds of opened rows in which the words stand, plain or in base64."""
    spellings = (CANARY.encode(), b"Y2FuYXJ5IDQ3MT", b"NhbmFyeSA0NzEx", b"jYW5hcnkgNDcxM")
    return [
        kind
        for kind in staff.store._rows
        for row in await staff.client._agent.store.scan(kind)
        if any(spelling in row.value for spelling in spellings)
    ]


@pytest.mark.requirement("D03")
@pytest.mark.parametrize(("make", "notices"), BOXES.values(), ids=BOXES)
async def test_a_box_that_nobody_signed_reaches_no_screen_and_leaves_no_word(
    make: Callable[[Someone, Someone], bytes], notices: list[str], tmp_path: Path
) -> None:
    """D03 demands an inner signature, since a sealed box alone does not authenticate its sender."""
    shelter = await _receive(tmp_path, make)
    assert await shelter.client.inbox() == []
    assert await shelter.client.referrals.list() == []
    assert await shelter.client.status.board() == []
    assert await shelter.notices() == notices


@pytest.mark.parametrize("make", [_seal_unsigned, _seal_unsigned_in_a_sealed_box])
async def test_control_without_the_signature_check_the_referral_is_on_the_list(
    make: Callable[[Someone, Someone], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.sealing:verify_author", lambda *_: None)
    without(monkeypatch, "quietway.sealing:check_suite", lambda *_: None)
    world = World(tmp_path)
    police = await world.found("POLICE-DESK")
    shelter = await world.found("SHELTER-DESK", police)
    world.deliver(shelter, make(police, shelter))
    assert (await shelter.client.sync()).received == 1
    (referral,) = await shelter.client.referrals.list()
    assert referral.packet.purpose_text == CANARY
    (said,) = await shelter.client.inbox()
    assert said.sender_program == "POLICE-DESK"
    assert await _find_canary(shelter) == ["message"]
