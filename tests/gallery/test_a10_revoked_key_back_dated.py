"""Row 10: a stolen key signs today what is dated yesterday.

The attacker has the signing key of a device that was revoked, and writes whatever time he likes
into what he signs. A reader who went by the sender's clock would take it for old mail. Defences: of
a revoked device nothing counts that is opened after the revocation became known, whatever time it
names; what was opened before stays, and is marked. The core's time decides only for a device that
was given back, whose key nobody has reason to fear.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.parties import FLASH, draw, make_core, send_row, text
from tests.gallery.world import World
from tests.second_device import take_away

from quietway.sealing import Recipient, seal_message
from quietway_schemas.envelope import Core
from quietway_schemas.ids import EnvelopeId
from quietway_schemas.instants import DAY, HOUR, SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gallery.world import Staff

    from quietway_schemas.instants import Instant


async def _meet(folder: Path) -> tuple[World, Staff, Staff, Staff]:
    world = World(folder)
    hospital = await world.found("MERCY-DESK")
    desk = await world.found("HARBOR-DESK", hospital)
    phone = await world.second(desk)
    for staff in (phone, desk, phone, hospital):
        await staff.client.sync()
    return world, hospital, desk, phone


def _dated(signer: Staff, to: Staff, words: str, *, created: Instant, now: Instant) -> bytes:
    """Sign with a device's key under any time at all, and seal to the key of the running epoch."""
    core = Core.unpack(make_core(signer, text(words), to, label=words))
    dated = replace(core, created=created, expires=created + 96 * HOUR)
    epoch = FLASH.epoch_of(now)
    record = seal_message(
        dated.pack(),
        class_=FLASH,
        recipient=Recipient(to.device, to.mailbox, 2, epoch, to.pair(FLASH, epoch, 2).public),
        identity=signer.identity,
        envelope_id=EnvelopeId(draw(words)),
        withdraw_secret=draw("withdraw", 32),
    )
    return record.header.pack() + record.sealed


async def _shown(staff: Staff) -> list[tuple[str, str]]:
    return [
        (str(getattr(said.content, "text", "")), said.sender_standing)
        for said in await staff.client.inbox()
    ]


async def _back_date(folder: Path, days: int) -> tuple[Staff, Staff]:
    world, hospital, desk, phone = await _meet(folder)
    world.clock.advance(3 * DAY / SECOND)
    for staff in (desk, phone, desk, hospital):
        await staff.client.sync()
    await take_away(desk.client._agent, phone.device)
    await hospital.client.sync()
    world.clock.advance(HOUR / SECOND)
    now = world.clock.now()
    forged = _dated(phone, hospital, "She went back to him.", created=now - days * DAY, now=now)
    world.deliver(hospital, forged)
    await hospital.client.sync()
    return hospital, phone


@pytest.mark.requirement("A60")
@pytest.mark.parametrize("days", [0, 1, 2])
async def test_what_a_revoked_key_dates_back_is_put_aside(tmp_path: Path, days: int) -> None:
    """A60: a key that was taken away speaks for nobody, whatever time it writes down."""
    hospital, _ = await _back_date(tmp_path, days)
    assert await _shown(hospital) == []
    assert await hospital.notices() == ["quarantined"]


async def test_control_a_reader_who_goes_by_the_senders_clock_believes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if revoking were retiring: by the time that the thief wrote down, it was before."""
    without(
        monkeypatch,
        "quietway.sealing:check_standing",
        lambda _signer, _opened: None,
    )
    hospital, _ = await _back_date(tmp_path, 1)
    assert [words for words, _ in await _shown(hospital)] == ["She went back to him."]


async def test_the_same_bytes_received_before_stay_readable_and_are_marked(tmp_path: Path) -> None:
    world, hospital, desk, phone = await _meet(tmp_path)
    (envelope,) = send_row(phone, hospital, ["Room for two tonight."])
    world.deliver(hospital, envelope)
    await hospital.client.sync()
    assert await _shown(hospital) == [("Room for two tonight.", "current")]
    await take_away(desk.client._agent, phone.device)
    await hospital.client.sync()
    assert await _shown(hospital) == [("Room for two tonight.", "revoked")]
    # Delivered once more they are neither a second message nor an accusation.
    world.deliver(hospital, envelope)
    await hospital.client.sync()
    assert await _shown(hospital) == [("Room for two tonight.", "revoked")]
    assert await hospital.notices() == []


async def test_what_was_kept_sealed_until_the_revocation_was_known_is_put_aside_too(
    tmp_path: Path,
) -> None:
    """The reader had not heard of the phone at all when its message came."""
    world = World(tmp_path)
    hospital = await world.found("MERCY-DESK")
    desk = await world.found("HARBOR-DESK", hospital)
    await hospital.client.sync()
    phone = await world.second(desk)
    (envelope,) = send_row(phone, hospital, ["Who is this?"])
    await take_away(desk.client._agent, phone.device)
    world.deliver(hospital, envelope)
    await hospital.client.sync()
    assert await _shown(hospital) == []
    assert await hospital.notices() == ["quarantined"]
