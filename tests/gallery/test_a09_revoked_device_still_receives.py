"""Row 9: a device that was taken away still gets what was under way, or what comes after.

The attacker has a lost phone with its keys and its open connections, and waits. Defences: the relay
drops mailbox, envelopes, batch and sockets in the moment it takes the manifest; whoever has read
the directory since seals nothing to it; and what it signs is put aside when it is opened. A device
that was given back is treated otherwise in one thing: what it said before still counts. It could
also fill mailboxes: its lanes into partners go with their next upload, and its agency draws another
secret, of which it can derive nothing.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.parties import FLASH, make_core, send, send_row, text
from tests.gallery.world import World
from tests.second_device import take_away
from tests.server.agency import PARTNER, Agency
from tests.server.in_process import InProcessRelay
from websockets.exceptions import ConnectionClosed

from quietway.engine.codec import Fields
from quietway.events import OwnDevicesChanged, Quarantined
from quietway.keyring.trust import Directory
from quietway.own_devices import acknowledge_change, list_changes
from quietway.records import QUARANTINE
from quietway_crypto.lanes import derive_capability, derive_lane, hash_capability
from quietway_crypto.signing import SigningKey
from quietway_schemas.envelope import Core, Header
from quietway_schemas.ids import DeviceId, MailboxId
from quietway_schemas.instants import HOUR, SECOND, iso_week
from quietway_server.services import directory as relay_directory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gallery.world import Staff
    from websockets.sync.client import ClientConnection

    from quietway.events import Event
    from quietway_schemas.directory import Certificate
    from quietway_schemas.ids import AgencyId

IN_FLIGHT = 100


class Lost:
    """A second device of an agency at a real relay: the one that will be lost."""

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        self.first = agency.certificate()
        self.device_id = DeviceId(agency.draw(16))
        self.identity = SigningKey(agency.draw(32))
        self.certificate: Certificate = agency.certificate(
            device_id=self.device_id,
            identity_key=self.identity.public,
            mailbox=MailboxId(agency.draw(16)),
        )
        answer = agency.publish_manifest(devices=(self.first, self.certificate))
        assert answer.status_code == 204, answer.text

    def speaks(self) -> Agency:
        """The same agency, asking as the lost device."""
        asking = Agency(self.agency.url, self.agency.seed)
        asking.device_id, asking.identity = self.device_id, self.identity
        asking.mailbox = self.certificate.mailbox
        return asking


def _revoke_in_flight(relay: InProcessRelay) -> tuple[list[int], list[int], int, float]:
    """Send 100 envelopes to the lost device, and revoke it in the midst of them.

    Returns:
        The answers to those that began before the revocation was answered, to those after, how many
        envelopes the relay holds for the device in the end, and how long its socket stayed open.
    """
    agency = relay.new_agency()
    lost = Lost(agency)
    asking = lost.speaks()
    capability = agency.capability_for(PARTNER)
    records = [agency.record(to=lost.certificate.mailbox) for _ in range(IN_FLIGHT)]

    def submit(number: int) -> tuple[float, int]:
        began = time.monotonic()
        return began, agency.submit(capability, records[number]).status_code

    with asking.open_socket() as socket, ThreadPoolExecutor(8) as pool:
        asking.greet(socket)
        sent = [pool.submit(submit, number) for number in range(IN_FLIGHT)]
        sent[IN_FLIGHT // 4].result()
        assert agency.publish_manifest(devices=(lost.first,)).status_code == 204
        revoked = time.monotonic()
        late = [submit(number) for number in range(IN_FLIGHT)]
        outcomes = [each.result() for each in sent]
        closed = _wait_for_the_end(socket) - revoked
    before = [status for began, status in outcomes if began < revoked]
    after = [status for began, status in (*outcomes, *late) if began >= revoked]
    with relay.store.reading() as transaction:
        held = transaction.envelopes_after(lost.certificate.mailbox.value, 0, IN_FLIGHT)
    return before, after, len(held), closed


def _measure_closing(relay: InProcessRelay) -> float:
    """Say how long after the revocation's answer an idle socket of the device stays open."""
    agency = relay.new_agency()
    lost = Lost(agency)
    asking = lost.speaks()
    with asking.open_socket() as socket:
        asking.greet(socket)
        assert agency.publish_manifest(devices=(lost.first,)).status_code == 204
        revoked = time.monotonic()
        return _wait_for_the_end(socket) - revoked


def _wait_for_the_end(socket: ClientConnection) -> float:
    try:
        while True:
            frame = socket.recv(timeout=3)
            if isinstance(frame, str):
                assert json.loads(frame)["problem"] == "not_found"
    except (ConnectionClosed, TimeoutError):
        return time.monotonic()


@pytest.mark.requirement("A60")
def test_after_the_revocations_answer_nothing_more_is_taken_for_the_device() -> None:
    """A60: a removed member cannot read later messages."""
    with InProcessRelay().running() as relay:
        before, after, held, _ = _revoke_in_flight(relay)
    assert set(before) <= {201, 404}
    assert 201 in before
    assert len(after) >= IN_FLIGHT
    assert set(after) == {404}
    assert held == 0


def test_the_devices_socket_is_closed_within_two_seconds() -> None:
    with InProcessRelay().running() as relay:
        assert _measure_closing(relay) <= 2


def test_control_where_the_relay_keeps_devices_that_left_they_go_on_receiving(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = relay_directory.device_rows
    known: dict[bytes, object] = {}

    def keep_everybody(manifest: object) -> list[object]:
        known.update({row.device: row for row in rows(manifest)})  # type: ignore[arg-type]  # a manifest
        return list(known.values())

    without(monkeypatch, "quietway_server.services.directory:device_rows", keep_everybody)
    with InProcessRelay().running() as relay:
        _, after, held, _ = _revoke_in_flight(relay)
    assert set(after) == {201}
    assert held > 0


def test_control_where_nobody_is_woken_the_socket_stays_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_server.delivery.local:LocalDelivery.wake", lambda *_: None)
    with InProcessRelay().running() as relay:
        assert _measure_closing(relay) > 2


async def _two_devices(folder: Path) -> tuple[World, Staff, Staff, Staff]:
    """A shelter with a desk and a phone, and a hospital that knows both."""
    world = World(folder)
    hospital = await world.found("MERCY-DESK")
    desk = await world.found("HARBOR-DESK", hospital)
    phone = await world.second(desk)
    # With what each was given a lane by: nothing waits in any mailbox afterwards.
    for staff in (phone, desk, phone, hospital, phone, desk, hospital):
        await staff.client.sync()
    return world, hospital, desk, phone


def _copies_for(world: World, staff: Staff) -> int:
    headers = (Header.unpack(held[:37]) for held in world.relay.envelopes_held())
    return sum(header.mailbox == staff.mailbox for header in headers)


async def test_who_knows_of_the_revocation_seals_nothing_to_the_device(tmp_path: Path) -> None:
    world, hospital, desk, phone = await _two_devices(tmp_path)
    await hospital.client.messages.send("Before.", to="HARBOR")
    assert _copies_for(world, phone) == _copies_for(world, desk) == 2
    world.relay.offline = True
    await hospital.client.messages.send("Written meanwhile.", to="HARBOR")
    world.relay.offline = False
    await take_away(desk.client._agent, phone.device)
    assert _copies_for(world, phone) == 0
    await hospital.client.sync()
    await hospital.client.messages.send("After.", to="HARBOR")
    assert _copies_for(world, phone) == 0
    agent = hospital.client._agent
    assert agent.directory.standing(desk.agency, phone.device).name == "revoked"
    last = max(agent.state.outbox.values(), key=lambda entry: entry.order)
    assert [delivery.device for delivery in last.deliveries] == [desk.device]
    await desk.client.sync()
    texts = [getattr(said.content, "text", "") for said in await desk.client.inbox()]
    assert sorted(texts) == ["After.", "Before.", "Written meanwhile."]
    # The phone itself learns nothing more: neither mail nor directory.
    report = await phone.client.sync()
    codes = {str(getattr(problem, "code", "")) for problem in report.problems}
    assert codes == {"not_authenticated"}


async def test_control_who_never_takes_the_new_manifest_goes_on_sealing_to_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, hospital, desk, phone = await _two_devices(tmp_path)
    await take_away(desk.client._agent, phone.device)
    without(monkeypatch, "quietway.keyring.trust:Directory._take_manifest", lambda *_: None)
    await hospital.client.sync()
    await hospital.client.messages.send("After.", to="HARBOR")
    sealed = {
        delivery.device
        for entry in hospital.client._agent.state.outbox.values()
        for delivery in entry.deliveries
        if delivery.record
    }
    assert phone.device in sealed


async def _open_after(folder: Path, how: str) -> tuple[Staff, list[Event]]:
    """What the phone signed a minute before it was taken away is opened an hour after."""
    world, hospital, desk, phone = await _two_devices(folder)
    (envelope,) = send_row(phone, hospital, ["From the phone."])
    world.clock.advance(60)
    await take_away(desk.client._agent, phone.device, how)  # type: ignore[arg-type] # one of two
    world.clock.advance(HOUR / SECOND)
    events: list[Event] = []
    hospital.client._agent.listeners.append(events.append)
    world.deliver(hospital, envelope)
    await hospital.client.sync()
    return hospital, events


async def test_what_a_revoked_device_signed_is_put_aside_when_it_is_opened(tmp_path: Path) -> None:
    hospital, events = await _open_after(tmp_path, "revoked")
    assert await hospital.client.inbox() == []
    assert await hospital.notices() == ["quarantined"]
    (event,) = [each for each in events if isinstance(each, Quarantined)]
    (row,) = await hospital.client._agent.store.scan(QUARANTINE)
    kept = Fields(row.value)
    assert row.key == event.message_id.value
    assert kept.raw("signature")
    assert b"From the phone." in kept.raw("core")
    assert not await hospital.store.scan("message")


async def test_what_a_retired_device_signed_before_is_opened_and_marked(tmp_path: Path) -> None:
    hospital, _ = await _open_after(tmp_path, "retired")
    (received,) = await hospital.client.inbox()
    assert received.content == text("From the phone.")
    assert received.sender_standing == "retired"
    assert received.sender_program == "HARBOR-DESK"
    assert await hospital.notices() == []


async def test_control_without_the_standing_of_its_signer_a_thief_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.sealing:check_standing", lambda *_: None)
    hospital, _ = await _open_after(tmp_path, "revoked")
    assert len(await hospital.client.inbox()) == 1


async def test_a_retired_device_that_goes_on_signing_is_put_aside(tmp_path: Path) -> None:
    """It was given back: whoever signs with its key two hours later is somebody else."""
    world, hospital, desk, phone = await _two_devices(tmp_path)
    await take_away(desk.client._agent, phone.device, "retired")
    world.clock.advance(2 * HOUR / SECOND + 1)
    core = Core.unpack(make_core(phone, text("Later."), hospital))
    now = world.clock.now()
    later = replace(core, created=now, expires=now + HOUR).pack()
    world.deliver(hospital, send(phone, hospital, later, FLASH, label="later"))
    await hospital.client.sync()
    assert await hospital.client.inbox() == []
    assert await hospital.notices() == ["quarantined"]


async def test_every_device_of_the_agency_tells_its_user_until_that_is_acknowledged(
    tmp_path: Path,
) -> None:
    world, _, desk, phone = await _two_devices(tmp_path)
    # The desk linked the phone itself, and says so all the same.
    (linked,) = await list_changes(desk.store)
    assert (linked.added, linked.departed) == ((phone.device,), ())
    third = await world.second(desk)
    told: list[Event] = []
    phone.client._agent.listeners.append(told.append)
    await phone.client.sync()
    changes = [event for event in told if isinstance(event, OwnDevicesChanged)]
    assert [change.added for change in changes] == [(third.device,)]
    # It stays in the store, and goes when somebody has seen it.
    assert await list_changes(phone.store) == changes
    await acknowledge_change(phone.store, changes[0].version)
    assert await list_changes(phone.store) == []


async def _what_the_phone_opens(folder: Path) -> tuple[bool, bool]:
    """Say whether a phone that was revoked may send to a partner, and with the secret it knew."""
    world, hospital, desk, phone = await _two_devices(folder)
    for staff in (hospital, desk, phone, hospital):
        await staff.client.sync()
    theirs, mine = hospital.client._agent, phone.client._agent
    granted = mine.lanes.granted(hospital.agency)
    assert granted is not None
    known = mine.keyring.agency_secret
    await desk.client.devices.revoke(phone.device)
    for staff in (hospital, desk):
        await staff.client.sync()

    def opens(agency: AgencyId, lane: bytes) -> bool:
        now = world.clock.now()
        shown = hash_capability(derive_capability(lane, iso_week(now), "normal"))
        return world.relay.books.opens_lane(agency, shown, now=now) is not None

    assert opens(hospital.agency, derive_lane(theirs.keyring.agency_secret, desk.device.value))
    return (
        opens(hospital.agency, granted.lane.reveal()),
        opens(desk.agency, derive_lane(known, desk.device.value)),
    )


async def test_a_revoked_device_may_send_neither_to_partners_nor_to_its_own_agency(
    tmp_path: Path,
) -> None:
    assert await _what_the_phone_opens(tmp_path) == (False, False)


async def test_control_where_lanes_stay_a_revoked_device_goes_on_filling_mailboxes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_is_due(_: object) -> list[object]:
        return []

    for room in ("rotating", "lane_keeping"):
        without(monkeypatch, f"quietway.own.{room}:list_unanswered", nothing_is_due)
    certified = Directory.devices_of
    known: dict[object, object] = {}

    def nobody_leaves(directory: Directory, agency: AgencyId) -> tuple[object, ...]:
        known.update({(agency, held.device): held for held in certified(directory, agency)})
        return tuple(held for (of, _), held in known.items() if of == agency)  # type: ignore[misc] # a pair

    without(monkeypatch, "quietway.keyring.trust:Directory.devices_of", nobody_leaves)
    assert await _what_the_phone_opens(tmp_path) == (True, True)


async def test_a_partner_is_not_bothered_with_anothers_devices(tmp_path: Path) -> None:
    world, hospital, desk, _ = await _two_devices(tmp_path)
    told: list[Event] = []
    hospital.client._agent.listeners.append(told.append)
    await world.second(desk)
    await hospital.client.sync()
    assert not [event for event in told if isinstance(event, OwnDevicesChanged)]
    assert await list_changes(hospital.store) == []
