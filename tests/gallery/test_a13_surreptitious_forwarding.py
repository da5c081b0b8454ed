"""Row 13: a recipient passes a signed message on as if its author had sent it there.

The attacker is a partner agency. The police sent it a referral; it opens it, takes signature and
core as they are, and seals both to the shelter, which shall believe that the police disclosed to
the shelter (the old flaw of signing first and sealing then). Defences: the signature covers the
device and the envelope that the message is for; and the core names its audience by digest, so that
even without the first a device that is not in it refuses. There is no content type for a
redisclosure yet: to pass something on, an agency says it in its own name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.parties import make_header, seal_by_hand, unwrap
from tests.gallery.world import World

from quietway.sealing import FORGED, NOT_ADDRESSED
from quietway_schemas.envelope import HEADER_BYTES, Header

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gallery.world import Staff

WORDS = "She moves on Friday; please keep a room."


async def _disclose(folder: Path) -> tuple[World, Staff, list[bytes]]:
    """Have the police write to the hospital; give what the hospital makes of it for the shelter."""
    world = World(folder)
    police = await world.found("POLICE-DESK")
    hospital = await world.found("MERCY-DESK", police)
    shelter = await world.found("SHELTER-DESK", police, hospital)
    for staff in 2 * (police, hospital, shelter):
        await staff.client.sync()
    await police.client.messages.send(WORDS, to="MERCY")
    genuine = world.held_for(hospital)
    await hospital.client.sync()
    assert [said.sender_agency for said in await hospital.client.inbox()] == [police.agency]
    return world, shelter, [_wrap_again(hospital, shelter, envelope) for envelope in genuine]


def _wrap_again(holder: Staff, to: Staff, envelope: bytes) -> bytes:
    signature, core = unwrap(holder, envelope)
    class_ = Header.unpack(envelope[:HEADER_BYTES]).class_
    header = make_header(to, class_, label=f"again {class_}")
    return seal_by_hand(to, header, signature + core)


async def test_what_was_said_to_another_is_forged_when_it_comes_to_me(tmp_path: Path) -> None:
    world, shelter, (listing, message) = await _disclose(tmp_path)
    world.deliver(shelter, listing, message)
    report = await shelter.client.sync()
    assert (report.received, report.refused) == (0, 2)
    assert await shelter.client.inbox() == []
    assert await shelter.notices() == [FORGED, FORGED]


@pytest.mark.parametrize("list_first", [True, False])
async def test_what_was_said_to_an_audience_without_me_is_not_addressed_to_me(
    list_first: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second lock alone: the signature covers the core and nothing else."""
    without(monkeypatch, "quietway.sealing:_bind", lambda _device, _header, core: core)
    world, shelter, (listing, message) = await _disclose(tmp_path)
    world.deliver(shelter, *((listing, message) if list_first else (message, listing)))
    await shelter.client.sync()
    assert await shelter.client.inbox() == []
    assert NOT_ADDRESSED in await shelter.notices()


async def test_control_with_a_signature_over_the_core_alone_the_police_seem_to_have_said_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.sealing:_bind", lambda _device, _header, core: core)
    world, shelter, (_, message) = await _disclose(tmp_path)
    # The forwarder keeps the list of the audience to himself, so the second lock has nothing to
    # judge by.
    world.deliver(shelter, message)
    await shelter.client.sync()
    (said,) = await shelter.client.inbox()
    assert said.sender_program == "POLICE-DESK"
    assert getattr(said.content, "text", "") == WORDS
    assert not said.audience_known
