"""Whoever copies everything every day opens nothing with what was copied after its time.

140 days of two agencies. Each day the network, the relay's mailboxes and the whole folder of a
device (keyring, pepper, listen key, clock, store and its journal) are copied. Afterwards every
envelope and every row that was ever seen is tried with the keyring of every day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.agencies import WHOLE_REFERRAL, invite
from tests.controls import without
from tests.journeys.archive import A_DAY, Envelope, Row, Town

from quietway.content import MessageText
from quietway.keyring.keyring import Erased
from quietway.ports import Put, Shelf
from quietway.retention import bucket_end
from quietway_schemas.ids import AgencyId, ConversationId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from pathlib import Path

    from quietway.client import AsyncClient
    from quietway_schemas.instants import Instant

DAYS: Final = 140
SHELTER: Final = "HARBOR-SHELTER"
HOSPITAL: Final = "MERCY-SOCIALWORK"
CONSENT: Final = b'{"type":"consent","words":"kept for ninety days"}'
CONSENT_KEY: Final = b"consent-for-90-d"


@dataclass
class Story:
    """What was copied in the course of it, tried day by day.

    Attributes:
        opened: For each envelope, the days on which a copy opened it.
        read: For each row as it lay in any store up to that day, the days on which a keyring of
            that day read it.
        seen_on: On which day a row was first seen.
        dies: When its key has to be gone.
    """

    town: Town
    opened: dict[bytes, list[int]] = field(default_factory=dict)
    read: dict[Row, list[int]] = field(default_factory=dict)
    seen_on: dict[Row, int] = field(default_factory=dict)
    dies: dict[Row, Instant] = field(default_factory=dict)

    async def try_everything(self) -> None:
        envelopes = self.town.relay.tapped.values()
        for day, copy in enumerate(self.town.copies):
            loot = self.town.loot(copy)
            for row in await loot.rows():
                self.seen_on.setdefault(row, day)
                self.dies[row] = loot.keyring.record_names()[row.value[1:17]]
            for envelope in envelopes:
                if envelope.at <= copy.at and loot.opens(envelope) is not None:
                    self.opened.setdefault(envelope.raw, []).append(day)
            for row in self.seen_on:
                if loot.reads(row) is not None:
                    self.read.setdefault(row, []).append(day)


async def live(folder: Path, days: int = DAYS) -> tuple[Story, AsyncClient, AsyncClient]:
    """Let two agencies live for so many days, and copy one's folder on each of them."""
    town = Town(folder)
    shelter, hospital = await town.found(SHELTER), await town.found(HOSPITAL)
    await invite(shelter, hospital)
    await invite(hospital, shelter)
    await hospital.sync()
    shelf = Shelf(ConversationId(bytes(16)), None, AgencyId(bytes(16)), town.clock.now() + 90 * DAY)
    await hospital._agent.store.commit([Put("evidence", CONSENT_KEY, CONSENT, shelf)])
    where = ConversationId(bytes(16))
    for day in range(days):
        if day % 4 == 0:
            await shelter.messages.send(f"Day {day}?", to="MERCY", conversation=where)
            await hospital.messages.send(f"Day {day}.", to="HARBOR", conversation=where)
        if day % 20 == 0:
            await shelter.referrals.send("MERCY", **WHOLE_REFERRAL)
        if day % 4 == 0:
            await shelter.sync()
        report = await hospital.sync()
        assert report.problems == ()
        town.copy(hospital)
        assert set(town.relay.envelopes_held()) <= set(town.relay.tapped)
        town.clock.advance(A_DAY)
    return Story(town), shelter, hospital


def for_hospital(story: Story, hospital: AsyncClient) -> list[Envelope]:
    mailbox = hospital._agent.keyring.mailbox
    found = [held for held in story.town.relay.tapped.values() if held.header.mailbox == mailbox]
    assert len(found) > 40
    return found


def all_envelopes(story: Story) -> list[Envelope]:
    return list(story.town.relay.tapped.values())


def days_alive(story: Story, envelope: Envelope) -> list[int]:
    copies = story.town.copies
    return [day for day, copy in enumerate(copies) if envelope.at <= copy.at < envelope.dies]


@pytest.mark.requirement("A59", "D02")
async def test_nothing_copied_after_its_time_opens_anything(tmp_path: Path) -> None:
    """A59: retention by key erasure, against a copy of everything. D02: a device's keys rotate.

    Both hold day by day: before its time each thing opens, and after it nothing does.
    """
    story, shelter, hospital = await live(tmp_path)
    await story.try_everything()
    for envelope in for_hospital(story, hospital):
        assert story.opened.get(envelope.raw, []) == days_alive(story, envelope)
    # What was opened lies under keys of its own, and dies by its own time.
    copies = story.town.copies
    died = 0
    for row, days in story.read.items():
        first = story.seen_on[row]
        dies = story.dies[row]
        assert days == [day for day in range(first, len(copies)) if copies[day].at < dies]
        died += days[-1] < len(copies) - 1
    assert story.read.keys() == story.seen_on.keys()
    assert died > 40
    # 90 days are longer than any key of transport lives, and shorter than the story.
    (consent,) = [row for row in story.read if row.key == CONSENT_KEY]
    ended = bucket_end(copies[0].at + 90 * DAY)
    assert copies[story.read[consent][-1]].at < ended <= copies[story.read[consent][-1] + 1].at
    first_ones = [held for held in for_hospital(story, hospital) if held.at <= copies[0].at]
    assert max(held.dies for held in first_ones) < copies[90].at
    # To the people at the desks it is as it should be: the last month is there, and every referral.
    texts = [held.content for held in await hospital.inbox()]
    assert 7 <= sum(isinstance(content, MessageText) for content in texts) <= 10
    assert len(await hospital.referrals.list()) == 7
    for client in (shelter, hospital):
        await client.aclose()


@pytest.mark.requirement("A59")
async def test_an_older_keyring_opens_nothing_with_a_later_pepper(tmp_path: Path) -> None:
    """A59: who has the file of before and the pepper of after has nothing."""
    story, shelter, hospital = await live(tmp_path, 12)
    copies, envelopes = story.town.copies, all_envelopes(story)
    assert story.town.tries(copies[0], pepper_of=copies[0], envelopes=envelopes) > 0
    assert story.town.tries(copies[0], pepper_of=copies[-1], envelopes=envelopes) == 0
    for client in (shelter, hospital):
        await client.aclose()


@pytest.mark.requirement("A59")
async def test_control_without_a_new_pepper_an_older_keyring_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A59: without the new pepper, the pepper of after opens the keyring of before."""
    from quietway.keyring.vault import Vault  # noqa: PLC0415 - the control's own stand-in

    without(monkeypatch, "quietway.keyring.vault:Vault.renew", Vault.write)
    story, shelter, hospital = await live(tmp_path, 12)
    copies, envelopes = story.town.copies, all_envelopes(story)
    assert story.town.tries(copies[0], pepper_of=copies[-1], envelopes=envelopes) > 0
    for client in (shelter, hospital):
        await client.aclose()


@pytest.mark.requirement("A59")
async def test_control_without_erasing_the_newest_copy_opens_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A59: without the erasing of keys, whoever comes last opens all that ever passed."""
    without(monkeypatch, "quietway.keyring.keyring:Keyring.erase_due", lambda *_: Erased())
    story, shelter, hospital = await live(tmp_path, 50)
    loot = story.town.loot(story.town.copies[-1])
    mine = [held for held in all_envelopes(story) if held.header.mailbox == loot.keyring.mailbox]
    assert len(mine) > 10
    assert all(loot.opens(envelope) is not None for envelope in mine)
    rows = await loot.rows()
    assert len(rows) > 20
    assert all(loot.reads(row) is not None for row in rows)
    for client in (shelter, hospital):
        await client.aclose()


@pytest.mark.requirement("A59")
async def test_a_device_that_was_off_for_20_days_comes_back_clean(tmp_path: Path) -> None:
    """A59: what expired while a device was off is erased when it is on again, before all else."""
    story, shelter, hospital = await live(tmp_path, 6)
    town, before = story.town, story.town.copies[-1]
    await hospital.aclose()
    for _ in range(20):
        town.clock.advance(A_DAY)
        await shelter.messages.send("Are you there?", to="MERCY")
        await shelter.sync()
    again = await town.open(HOSPITAL)
    # No relay has said what time it is: nothing is erased by this machine's clock alone.
    assert town.loot(before).keyring.record_names() == again._agent.keyring.record_names()
    report = await again.sync()
    assert report.problems == ()
    town.copy(again)
    loot = town.loot(town.copies[-1])
    for envelope in all_envelopes(story):
        if envelope.header.mailbox == loot.keyring.mailbox and envelope.dies <= town.clock.now():
            assert loot.opens(envelope) is None
    # New keys are published, and mail comes again.
    await shelter.sync()
    sent = await shelter.messages.send("And now?", to="MERCY")
    assert sent.state == "stored_at_relay"
    await again.sync()
    texts = [
        held.content.text for held in await again.inbox() if isinstance(held.content, MessageText)
    ]
    assert texts[-1] == "And now?"
    for client in (shelter, again):
        await client.aclose()
