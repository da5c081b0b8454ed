"""Row 7: the relay shows one agency another directory than the rest of the world.

The attacker is the relay, with the log's own key: it keeps two trees, and each reader is shown one
of them with proofs that hold. Inside one face nothing is wrong. Defences: every message says what
its sender has verified, under the signature of its sender's device; what does not fit is shown to
the other side with the log's own signature; two signatures that don't fit are a proof for anybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.world import World, befriend
from tests.second_face import SecondFace

from quietway import EvidenceRefused, ForkFound, LogForked, LogUnproven, verify_evidence
from quietway.tally import Tally
from quietway.witnessing.gossip import Verdict
from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_schemas.canonical import decode_canonical, encode_canonical
from quietway_schemas.instants import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gallery.world import Staff

    from quietway.events import Event
    from quietway.reports import SyncReport

HIDDEN = b"h" * 32
"""What a manifest hashes to that one agency alone was shown."""


class Split:
    """Two partners in front of the two faces of one relay. The shelter sees the second."""

    def __init__(self, world: World, police: Staff, shelter: Staff, face: SecondFace) -> None:
        self.world = world
        self.police = police
        self.shelter = shelter
        self.face = face
        self.told: list[Event] = []
        for staff in (police, shelter):
            staff.client._agent.listeners.append(self.told.append)

    @classmethod
    async def make(cls, folder: Path) -> Split:
        world = World(folder)
        police = await world.found("POLICE-DESK")
        shelter = await world.found("SHELTER-DESK", police)
        await police.client.sync()
        face = SecondFace(world.relay)
        shelter.client._agent.relay = face.connect(shelter.client._agent.relay)
        # One leaf in a stranger's name: whatever it is, the police are not shown it.
        face.log_for_these_eyes(type(police.agency)(b"a stranger to us"), HIDDEN)
        # From here on the two trees have no size at which they are the same.
        await world.found("COURT-DESK")
        return cls(world, police, shelter, face)

    async def sync_both(self) -> list[SyncReport]:
        return [await staff.client.sync() for staff in (self.police, self.shelter)]

    async def say(self, by: Staff, to: Staff) -> None:
        sent = await by.client.messages.send("Are you there?", to=to.name.partition("-")[0])
        assert sent.state == "stored_at_relay"

    async def prove(self, staff: Staff) -> bytes:
        """Export what a client can prove: of several pairs of notes that don't fit, the first."""
        fork, *_ = await staff.client.log.evidence()
        return await staff.client.log.export(fork.fork_id)


@pytest.fixture
async def split(tmp_path: Path) -> Split:
    return await Split.make(tmp_path)


async def test_inside_one_face_nothing_is_wrong(split: Split) -> None:
    """Or the test would only show that the second face is clumsy."""
    for report in (*await split.sync_both(), *await split.sync_both()):
        assert report.problems == ()
    assert await split.police.client.log.alarms() == []
    assert await split.shelter.client.log.alarms() == []


@pytest.mark.requirement("A32")
@pytest.mark.parametrize("from_larger", [False, True])
async def test_one_message_and_both_hold_the_proof(split: Split, *, from_larger: bool) -> None:
    """A32: an agency directory with an alarm: what one is shown, all are shown, or it shows."""
    await split.sync_both()
    by, to = split.police, split.shelter
    if from_larger:
        by, to = to, by
    await split.say(by, to)
    # What is larger than one's own is judged when one's own has grown.
    await split.world.found("HOTLINE-DESK")
    for _ in range(5):
        await split.sync_both()
    proofs = [await split.prove(staff) for staff in (split.police, split.shelter)]
    for raw in proofs:
        assert verify_evidence(raw).log_key == split.world.relay.books.log.log_key
    found = [event for event in split.told if isinstance(event, ForkFound)]
    # Each side is told of each pair of notes once.
    assert len(found) == 2 * len({event.fork_id for event in found})
    reports = await split.sync_both()
    for report in reports:
        assert any(isinstance(problem, LogForked) for problem in report.problems)


async def test_two_trees_of_one_size_are_proved_too(split: Split) -> None:
    split.world.relay.books.log.append_manifest(
        type(split.police.agency)(b"another stranger"), HIDDEN
    )
    split.face._copied += 1
    await split.sync_both()
    assert split.police.client._agent.log.size == split.shelter.client._agent.log.size
    await split.say(split.police, split.shelter)
    for _ in range(5):
        await split.sync_both()
    for staff in (split.police, split.shelter):
        fork = verify_evidence(await split.prove(staff))
        assert fork.first_size == fork.second_size
        assert fork.first_root != fork.second_root


async def test_after_a_proof_the_directory_waits_for_a_person_and_sending_goes_on(
    split: Split,
) -> None:
    await split.sync_both()
    await split.say(split.police, split.shelter)
    for _ in range(5):
        await split.sync_both()
    cursor = split.police.client._agent.directory.cursor
    await split.world.found("MERCY-DESK")
    (problem,) = (await split.police.client.sync()).problems
    assert isinstance(problem, LogForked)
    assert split.police.client._agent.directory.cursor == cursor
    await split.say(split.police, split.shelter)
    assert (await split.shelter.client.sync()).received == 1
    for alarm in await split.police.client.log.alarms():
        await split.police.client.log.acknowledge(alarm)
    assert (await split.police.client.sync()).problems == ()
    assert split.police.client._agent.directory.cursor > cursor
    assert await split.prove(split.police)


async def test_a_relay_that_proves_nothing_is_an_alarm_after_a_day(split: Split) -> None:
    """It hides the paths instead of showing them, and holds the notes back with the messages."""
    await split.sync_both()
    await split.say(split.police, split.shelter)
    split.face.proves = False
    await split.shelter.client.sync()
    split.world.clock.advance(23 * HOUR // SECOND)
    await split.shelter.client.sync()
    assert await split.shelter.client.log.alarms() == []
    split.world.clock.advance(2 * HOUR // SECOND)
    await split.shelter.client.sync()
    (alarm,) = await split.shelter.client.log.alarms()
    assert isinstance(alarm, LogUnproven)
    assert (alarm.agency, alarm.size) == (split.police.agency, 3)
    assert alarm in split.told


async def pass_a_tick(split: Split) -> None:
    """Let a tick of either side pass, which says nothing to anybody but by its core."""
    await split.sync_both()
    for _ in range(2):
        split.world.clock.advance(6 * HOUR // SECOND)
        for _ in range(3):
            await split.sync_both()
            split.world.clock.advance(6 * MINUTE // SECOND)


async def test_a_cover_that_nobody_sees_shows_the_fork_as_any_message_does(split: Split) -> None:
    """Partners who have nothing to say to each other find out within two windows of receipts."""
    await pass_a_tick(split)
    for staff in (split.police, split.shelter):
        assert verify_evidence(await split.prove(staff))
        assert await staff.client.inbox() == []


async def test_control_where_covers_are_not_asked_the_fork_stays_hidden(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.settling:Settler._note_gossip", lambda *_: None)
    await pass_a_tick(split)
    assert await split.police.client.log.evidence() == []


async def test_what_agrees_is_no_alarm_after_a_weekend_and_leaves_the_note(tmp_path: Path) -> None:
    """A partner was ahead by one leaf on Friday; the laptop is opened again on Monday."""
    world = World(tmp_path)
    police = await world.found("POLICE-DESK")
    shelter = await world.found("SHELTER-DESK", police)
    await police.client.sync()
    await shelter.client.sync()
    await world.found("COURT-DESK")
    await shelter.client.sync()
    await shelter.client.messages.send("Have a good weekend.", to="POLICE")
    agent = police.client._agent
    mailbox = await agent._connect(live=False)
    await agent._drain(mailbox, Tally(None))
    await mailbox.aclose()
    assert len(agent.log.noted()) == 1
    world.clock.advance(3 * DAY // SECOND)
    assert (await police.client.sync()).problems == ()
    assert await police.client.log.alarms() == []
    assert agent.log.noted() == ()
    assert agent.log.latest is not None
    assert agent.log.known[agent.log.size] == agent.log.latest


async def test_no_arrival_causes_a_request(split: Split) -> None:
    await split.sync_both()
    await split.say(split.police, split.shelter)
    before = len(split.shelter.seen)
    agent = split.shelter.client._agent
    mailbox = await agent._connect(live=False)
    await agent._drain(mailbox, Tally(None))
    assert {call[0] for call in split.shelter.seen[before:]} == {"open_mailbox", "acknowledge"}
    assert agent.log.noted()


async def test_a_partner_who_lies_about_the_log_convicts_nobody(tmp_path: Path) -> None:
    """What a core says is signed by a partner, and not by the log: it takes a note."""
    world = World(tmp_path)
    police = await world.found("POLICE-DESK")
    shelter = await world.found("SHELTER-DESK", police)
    await police.client.sync()
    lied = police.client._agent.log
    honest, lied.latest = lied.latest, None
    assert honest is not None
    lied.latest = type(honest)(honest.size, b"\x07" * 32, honest.note)
    await police.client.messages.send("Believe me.", to="SHELTER")
    lied.latest = honest
    for _ in range(4):
        await shelter.client.sync()
        await police.client.sync()
    assert await shelter.client.log.evidence() == []
    assert await police.client.log.evidence() == []
    assert not shelter.client._agent.log.is_stopped


async def test_each_altered_byte_of_a_proof_makes_it_prove_nothing(split: Split) -> None:
    await split.sync_both()
    await split.say(split.police, split.shelter)
    for _ in range(5):
        await split.sync_both()
    raw = await split.prove(split.police)
    assert verify_evidence(raw).first_size < verify_evidence(raw).second_size
    for place in range(len(raw)):
        for flipped in (1, 0x20):
            altered = raw[:place] + bytes([raw[place] ^ flipped]) + raw[place + 1 :]
            with pytest.raises(EvidenceRefused):
                verify_evidence(altered)


async def test_what_is_no_contradiction_is_no_proof(split: Split) -> None:
    """Two notes of one tree; a path left out; a path that leads elsewhere; another's key."""
    await split.sync_both()
    await split.say(split.police, split.shelter)
    for _ in range(5):
        await split.sync_both()
    held = decode_canonical(await split.prove(split.police), max_bytes=10_000)
    log = split.face.log
    first = log.checkpoint(1).note
    same_tree = {
        **held,
        "first": first,
        "path": [encode_base64(node) for node in log.consistency(1, 3)],
    }
    for altered in (
        same_tree,
        {name: value for name, value in held.items() if name != "path"},
        {**held, "path": list(reversed(held["path"]))},  # type: ignore[arg-type]  # a list
        {**held, "path": held["path"][:-1]},  # type: ignore[index]  # a list
        {**held, "second": held["first"]},
        {**held, "first": held["second"], "second": held["first"]},
        {**held, "log_key": encode_base64(decode_base64(str(held["log_key"]))[::-1])},
    ):
        with pytest.raises(EvidenceRefused):
            verify_evidence(encode_canonical(altered))


async def test_control_readers_that_judge_nothing_never_learn_of_it(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.auditing:judge", lambda *_: Verdict.AGREES)
    await split.sync_both()
    await split.say(split.police, split.shelter)
    split.world.clock.advance(DAY // SECOND)
    for _ in range(5):
        for report in await split.sync_both():
            assert report.problems == ()
    assert [await staff.client.log.alarms() for staff in (split.police, split.shelter)] == [[], []]


async def test_control_without_the_judgement_of_two_notes_anything_is_a_proof(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever believes any two signed notes could be told that an honest relay lies."""
    log = split.face.log
    honest = {
        "first": log.checkpoint(1).note,
        "log_key": encode_base64(log.log_key),
        "second": log.checkpoint(2).note,
        "version": 1,
    }
    with pytest.raises(EvidenceRefused):
        verify_evidence(encode_canonical(honest))
    without(monkeypatch, "quietway_protocol.evidence:check_fork", lambda *_: None)
    assert verify_evidence(encode_canonical(honest)).second_size == 2


async def test_befriending_across_the_faces_is_found_out_at_once(tmp_path: Path) -> None:
    """An invitation shows the log, too: with its note, so the proof is there before a message."""
    world = World(tmp_path)
    police, shelter = await world.found("POLICE-DESK"), await world.found("SHELTER-DESK")
    await police.client.sync()
    face = SecondFace(world.relay)
    shelter.client._agent.relay = face.connect(shelter.client._agent.relay)
    face.log_for_these_eyes(type(police.agency)(b"a stranger to us"), HIDDEN)
    world.relay.books.log.append_manifest(type(police.agency)(b"another stranger"), HIDDEN)
    face._copied += 1
    for staff in (police, shelter):
        await staff.client.sync()
    await befriend(police, shelter)
    for staff in (police, shelter):
        await staff.client.sync()
        assert len(await staff.client.log.evidence()) == 1
