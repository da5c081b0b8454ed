"""A device that was given back, and whose keys somebody kept: it decides nothing any more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.parties import CASE, draw, make_core
from tests.gallery.world import World
from tests.second_device import take_away

from quietway.sealing import Recipient, seal_message
from quietway_schemas.content.agency import AgencyShared, SharedRow
from quietway_schemas.envelope import Core
from quietway_schemas.ids import EnvelopeId
from quietway_schemas.instants import DAY, HOUR, SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gallery.world import Staff

    from quietway_schemas.instants import Instant

OTHER_SECRET = b"s" * 32


def _tell_secret(signer: Staff, to: Staff, *, created: Instant, now: Instant) -> bytes:
    """Tell another agency secret, dated back to when the device still belonged here."""
    row = SharedRow(kind="agency_secret", key=b"", value=OTHER_SECRET, at=created)
    core = Core.unpack(make_core(signer, AgencyShared(rows=(row,)), to))
    dated = replace(core, created=created, expires=created + CASE.life_ms)
    epoch = CASE.epoch_of(now)
    record = seal_message(
        dated.pack(),
        class_=CASE,
        recipient=Recipient(to.device, to.mailbox, 2, epoch, to.pair(CASE, epoch, 2).public),
        identity=signer.identity,
        envelope_id=EnvelopeId(draw("secret")),
        withdraw_secret=draw("withdraw", 32),
    )
    return record.header.pack() + record.sealed


async def _secret_after(folder: Path) -> tuple[bytes, list[str]]:
    world = World(folder)
    desk = await world.found("HARBOR-DESK")
    phone = await world.second(desk)
    for staff in (phone, desk, phone):
        await staff.client.sync()
    given_back = world.clock.now()
    await take_away(desk.client._agent, phone.device, "retired")
    for _ in range(3):
        world.clock.advance(DAY / SECOND)
        await desk.client.sync()
    forged = _tell_secret(phone, desk, created=given_back - HOUR, now=world.clock.now())
    world.deliver(desk, forged)
    await desk.client.sync()
    return desk.client._agent.keyring.agency_secret.reveal(), await desk.notices()


@pytest.mark.requirement("A60")
async def test_a_retired_device_shares_no_secret_that_it_dates_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A60: access ends with the device. With its own secret it would shut every partner out."""
    secret, _ = await _secret_after(tmp_path / "one")
    assert secret != OTHER_SECRET
    # Control: if only the signature and its date counted, the former user would decide.
    without(monkeypatch, "quietway.own.within:still_decides", lambda *_: True)
    secret, notices = await _secret_after(tmp_path / "two")
    assert secret == OTHER_SECRET
    assert notices == []
