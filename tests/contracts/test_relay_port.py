"""One suite for every relay: the one in memory is believed only as far as the real one agrees."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import pytest
from tests.client_sdk.devices import Device, envelope_of, make_device, make_record
from tests.relay_process import RelayProcess

from quietway.ambient import SystemClock, SystemEntropy
from quietway.errors import RelayRefused, RelayUnreachable
from quietway.ports import BlobPart
from quietway.testing.clock import FakeClock
from quietway.testing.entropy import SeededEntropy
from quietway.testing.relay import InMemoryRelay
from quietway.transport.http import HttpRelay
from quietway_crypto.blob_rights import hash_opening
from quietway_crypto.encoding import TAG_WITHDRAW, hash_tagged
from quietway_crypto.merkle import hash_leaf, root_of, verify_consistency
from quietway_protocol.checkpoints import prove_logged, read_checkpoint
from quietway_protocol.manifests import hash_manifest
from quietway_schemas.directory import SignedObject
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.ids import DeviceId, MailboxId
from quietway_schemas.instants import DAY, MINUTE, WEEK, iso_week
from quietway_schemas.log import MANIFEST_LEAF, LogLeaf
from quietway_schemas.wake import WakeEndpoint, WakeEndpoints
from quietway_schemas.withdrawal import Slip
from quietway_server.bootstrap import open_store
from quietway_server.services.enrolment import add_code
from quietway_server.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from quietway.ports import Arrival, Clock, Mailbox, Relay
    from quietway_crypto.signing import SigningKey
    from quietway_schemas.envelope import SubmissionRecord

Real: TypeAlias = "tuple[str, Iterator[str]]"
"""The address of a real relay, and one-time codes for it."""

ROW = 65_536
W1, W2, W3, W4 = (bytes([number]) * 16 for number in (1, 2, 3, 4))


class World:
    """A relay, whichever, and what tests need around it."""

    def __init__(self, memory: InMemoryRelay | None, real: Real | None) -> None:
        self.entropy = SeededEntropy(5 if memory is not None else SystemClock().now())
        self.clock: Clock = SystemClock() if memory is None else memory.clock
        self._memory = memory
        self._url, self._codes = real or ("", iter(()))
        self._opened: list[Relay] = []
        self.blob_id = b""

    def code(self) -> str:
        if self._memory is not None:
            return self._memory.enrolment_code()
        return next(self._codes)

    def connect(self, identity: SigningKey, device: DeviceId) -> Relay:
        if self._memory is not None:
            return self._memory.connect(identity, device)
        relay = HttpRelay(
            self._url,
            key_id=str(device),
            identity=identity,
            clock=self.clock,
            entropy=self.entropy,
        )
        self._opened.append(relay)
        return relay

    async def join(self, agency_code: str) -> tuple[Device, Relay]:
        """Enrol a new agency and publish all of it."""
        device = make_device(self.entropy, agency_code)
        relay = self.connect(device.keyring.identity, device.keyring.device)
        await device.publish(relay, self.code(), self.clock.now())
        return device, relay

    async def aclose(self) -> None:
        for relay in self._opened:
            await relay.aclose()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    folder: Path = tmp_path_factory.mktemp("relay")
    with RelayProcess(folder) as running:
        yield running.url, make_codes(running)


def make_codes(process: RelayProcess) -> Iterator[str]:
    """Make one-time codes in this process: starting the relay's own command takes a second."""
    settings = read_settings({"database": str(process.database)}, {})
    while True:
        store = open_store(settings)
        now = SystemClock().now()
        code = add_code(store, now=now, entropy=SystemEntropy().draw(16))
        store.close()
        yield code


@pytest.fixture(params=["memory", "real"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "memory":
        made = World(InMemoryRelay(FakeClock(SystemClock().now())), None)
    else:
        made = World(None, request.getfixturevalue("real"))
    yield made
    await made.aclose()


_CODES = (f"AGENCY{number}" for number in range(1_000))


@pytest.fixture
async def harbor(world: World) -> tuple[Device, Relay]:
    return await world.join(next(_CODES))


@pytest.fixture
async def mercy(world: World) -> tuple[Device, Relay]:
    return await world.join(next(_CODES))


async def open_mailbox(
    relay: Relay,
    *,
    after: int = 0,
    live: bool = False,
    now: bytes = W1,
    was: bytes | None = None,
) -> Mailbox:
    return await relay.open_mailbox(after=after, witness_now=now, witness_was=was, live=live)


async def fetch(relay: Relay, *, after: int = 0) -> list[Arrival]:
    mailbox = await open_mailbox(relay, after=after)
    arrivals = [arrival async for arrival in mailbox.arrivals()]
    await mailbox.aclose()
    return arrivals


async def send(
    world: World, to: Device, relay: Relay, *, class_: EnvelopeClass = EnvelopeClass.FLASH
) -> SubmissionRecord:
    now = world.clock.now()
    record = make_record(to.keyring.mailbox, world.entropy, now=now, class_=class_)
    await relay.submit(to.capability(now), [record.pack()])
    return record


async def test_an_envelope_arrives_as_it_was_sent(
    world: World, harbor: tuple[Device, Relay], mercy: tuple[Device, Relay]
) -> None:
    first = await send(world, harbor[0], mercy[1])
    second = await send(world, harbor[0], mercy[1], class_=EnvelopeClass.CASE)
    arrivals = await fetch(harbor[1])
    assert [(arrival.seq, arrival.envelope) for arrival in arrivals] == [
        (1, envelope_of(first)),
        (2, envelope_of(second)),
    ]
    assert await fetch(mercy[1]) == []


async def test_a_look_goes_on_after_the_cursor(world: World, harbor: tuple[Device, Relay]) -> None:
    for _ in range(9):
        await send(world, harbor[0], harbor[1])
    assert [arrival.seq for arrival in await fetch(harbor[1], after=2)] == list(range(3, 10))


async def test_what_is_acknowledged_does_not_come_again(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    for _ in range(3):
        await send(world, harbor[0], harbor[1])
    mailbox = await open_mailbox(harbor[1])
    await mailbox.acknowledge([1, 3])
    await mailbox.acknowledge([1])
    await mailbox.aclose()
    assert [arrival.seq for arrival in await fetch(harbor[1])] == [2]
    again = await open_mailbox(harbor[1], now=W1)
    assert (again.welcome.latest, again.welcome.acknowledged) == (3, 3)
    await again.aclose()


@pytest.mark.parametrize("count", [0, 257])
async def test_acknowledging_none_or_too_many_is_refused(
    harbor: tuple[Device, Relay], count: int
) -> None:
    mailbox = await open_mailbox(harbor[1])
    with pytest.raises(RelayRefused) as refused:
        await mailbox.acknowledge(range(1, count + 1))
    assert refused.value.code == "invalid_field"
    await mailbox.aclose()


async def send_with_slip(world: World, to: Device, relay: Relay) -> tuple[SubmissionRecord, Slip]:
    now, preimage = world.clock.now(), world.entropy.draw(32)
    made = make_record(to.keyring.mailbox, world.entropy, now=now)
    record = replace(made, withdraw_hash=hash_tagged(TAG_WITHDRAW, preimage))
    await relay.submit(to.capability(now), [record.pack()])
    return record, Slip(record.header.mailbox, record.header.envelope_id, preimage)


async def test_what_was_not_acknowledged_is_taken_back_by_its_preimage_alone(
    world: World, harbor: tuple[Device, Relay], mercy: tuple[Device, Relay]
) -> None:
    (record, slip), (_, fetched), (_, kept) = [
        await send_with_slip(world, harbor[0], mercy[1]) for _ in range(3)
    ]
    mailbox = await open_mailbox(harbor[1])
    await mailbox.acknowledge([2])
    await mailbox.aclose()
    wrong = replace(kept, preimage=world.entropy.draw(32))
    assert await mercy[1].withdraw([slip, fetched, wrong, slip]) == [True, False, False, False]
    assert [arrival.seq for arrival in await fetch(harbor[1])] == [3]
    # The same bytes once more do not undo it, and no number is given for them.
    await mercy[1].submit(harbor[0].capability(world.clock.now()), [record.pack()])
    assert [arrival.seq for arrival in await fetch(harbor[1])] == [3]
    with pytest.raises(RelayRefused) as refused:
        await mercy[1].withdraw([])
    assert refused.value.code == "malformed_record"


async def test_the_same_envelope_twice_arrives_once_also_after_it_was_acknowledged(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    record = await send(world, harbor[0], harbor[1])
    capability = harbor[0].capability(world.clock.now())
    await harbor[1].submit(capability, [record.pack(), record.pack()])
    assert len(await fetch(harbor[1])) == 1
    mailbox = await open_mailbox(harbor[1])
    await mailbox.acknowledge([1])
    await mailbox.aclose()
    await harbor[1].submit(capability, [record.pack()])
    assert await fetch(harbor[1]) == []


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_the_same_envelope_id_with_other_bytes_is_a_conflict(
    world: World, harbor: tuple[Device, Relay], in_one_batch: bool
) -> None:
    now = world.clock.now()
    first, second = (
        make_record(harbor[0].keyring.mailbox, world.entropy, now=now) for _ in range(2)
    )
    other = make_record(
        harbor[0].keyring.mailbox, world.entropy, now=now, envelope_id=first.header.envelope_id
    )
    batch = [second.pack(), other.pack()]
    if in_one_batch:
        batch = [first.pack(), *batch]
    else:
        await harbor[1].submit(harbor[0].capability(now), [first.pack()])
    with pytest.raises(RelayRefused) as refused:
        await harbor[1].submit(harbor[0].capability(now), batch)
    assert (refused.value.code, refused.value.index) == ("conflict", len(batch) - 1)
    assert len(await fetch(harbor[1])) == (0 if in_one_batch else 1)


async def test_a_batch_with_one_unknown_mailbox_is_refused_whole(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    now = world.clock.now()
    nobody = MailboxId(world.entropy.draw(16))
    batch = [
        make_record(mailbox, world.entropy, now=now).pack()
        for mailbox in (harbor[0].keyring.mailbox, nobody)
    ]
    with pytest.raises(RelayRefused) as refused:
        await harbor[1].submit(harbor[0].capability(now), batch)
    assert (refused.value.code, refused.value.index) == ("not_found", 1)
    assert await fetch(harbor[1]) == []


async def test_a_lane_of_another_agency_opens_nothing(
    world: World, harbor: tuple[Device, Relay], mercy: tuple[Device, Relay]
) -> None:
    now = world.clock.now()
    record = make_record(harbor[0].keyring.mailbox, world.entropy, now=now)
    for capability in (mercy[0].capability(now), world.entropy.draw(32)):
        with pytest.raises(RelayRefused) as refused:
            await mercy[1].submit(capability, [record.pack()])
        assert (refused.value.code, refused.value.index) == ("not_found", 0)
    assert await fetch(harbor[1]) == []


async def test_last_weeks_capability_opens_nothing(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    now = world.clock.now()
    record = make_record(harbor[0].keyring.mailbox, world.entropy, now=now)
    with pytest.raises(RelayRefused) as refused:
        await harbor[1].submit(harbor[0].capability(now - WEEK), [record.pack()])
    assert refused.value.code == "not_found"


async def test_what_is_no_whole_record_is_refused(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    now = world.clock.now()
    record = make_record(harbor[0].keyring.mailbox, world.entropy, now=now).pack()
    for batch in ([], [record[:-1]], [record, b"\0"], [b"\x02" + record[1:]]):
        with pytest.raises(RelayRefused) as refused:
            await harbor[1].submit(harbor[0].capability(now), batch)
        assert refused.value.code == "malformed_record"
    assert await fetch(harbor[1]) == []


async def test_more_than_128_records_are_refused(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    now = world.clock.now()
    batch = [
        make_record(harbor[0].keyring.mailbox, world.entropy, now=now).pack() for _ in range(129)
    ]
    with pytest.raises(RelayRefused) as refused:
        await harbor[1].submit(harbor[0].capability(now), batch)
    assert refused.value.code == "malformed_record"
    await harbor[1].submit(harbor[0].capability(now), batch[:128])
    assert len(await fetch(harbor[1])) == 128


async def test_a_live_mailbox_shows_what_is_sent_later(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    before = await send(world, harbor[0], harbor[1])
    mailbox = await open_mailbox(harbor[1], live=True)
    arrivals = mailbox.arrivals()
    assert (await anext(arrivals)).envelope == envelope_of(before)
    waiting = asyncio.ensure_future(anext(arrivals))
    after = await send(world, harbor[0], harbor[1])
    async with asyncio.timeout(20):
        assert (await waiting).envelope == envelope_of(after)
    await mailbox.aclose()
    await mailbox.aclose()


async def test_a_live_mailbox_holds_back_after_64_until_some_are_acknowledged(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    now = world.clock.now()
    batch = [
        make_record(harbor[0].keyring.mailbox, world.entropy, now=now).pack() for _ in range(70)
    ]
    await harbor[1].submit(harbor[0].capability(now), batch)
    mailbox = await open_mailbox(harbor[1], live=True)
    arrivals = mailbox.arrivals()
    async with asyncio.timeout(20):
        shown = [(await anext(arrivals)).seq for _ in range(64)]
    waiting = asyncio.ensure_future(anext(arrivals))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await mailbox.acknowledge(shown)
    async with asyncio.timeout(20):
        assert (await waiting).seq == 65
    await mailbox.aclose()


async def test_the_witness_shows_that_another_copy_of_the_store_went_on(
    harbor: tuple[Device, Relay],
) -> None:
    relay = harbor[1]
    said: list[bool] = []
    # The first opening; the next of the same store; a copy that still thinks W1 was the last, and
    # whose first answer was lost; the copy again, after it was told.
    for now, was in ((W1, None), (W2, W1), (W3, W1), (W3, W1), (W4, W3)):
        mailbox = await open_mailbox(relay, now=now, was=was)
        said.append(mailbox.welcome.witness_kept)
        await mailbox.aclose()
    assert said == [True, True, False, False, True]


async def test_the_relays_clock_is_told_to_the_second(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    told = await harbor[1].read_clock()
    assert told % 1_000 == 0
    assert abs(world.clock.now() - told) < 5_000


async def test_an_unknown_device_or_key_reads_nothing(
    world: World, harbor: tuple[Device, Relay], mercy: tuple[Device, Relay]
) -> None:
    stranger = world.connect(harbor[0].keyring.identity, DeviceId(world.entropy.draw(16)))
    pretender = world.connect(mercy[0].keyring.identity, harbor[0].keyring.device)
    for relay in (stranger, pretender):
        for attempt in (relay.directory(0), open_mailbox(relay), open_mailbox(relay, live=True)):
            with pytest.raises(RelayRefused) as refused:
                await attempt
            assert refused.value.code == "not_authenticated"


async def test_the_directory_shows_manifests_and_epochs_in_the_order_of_change(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    device, relay = harbor
    held = [entry for entry in await whole_directory(relay) if entry[0] == device.keyring.agency]
    assert [kind for _, kind, _, _ in held] == ["manifest", "epochs"]
    cursor = held[-1][2]
    newer = device.sign_epochs(world.clock.now() + 1)
    await relay.put_epochs(device.keyring.agency, newer)
    page = await relay.directory(cursor)
    assert [(entry.agency_id, entry.object) for entry in page.entries] == [
        (device.keyring.agency, newer)
    ]
    empty = await relay.directory(page.next)
    assert (empty.entries, empty.next, empty.more) == ((), page.next, False)


async def whole_directory(relay: Relay) -> list[tuple[object, str, int, SignedObject]]:
    entries: list[tuple[object, str, int, SignedObject]] = []
    after, more = 0, True
    while more:
        page = await relay.directory(after)
        entries += [
            (entry.agency_id, entry.kind, entry.seq, entry.object) for entry in page.entries
        ]
        after, more = page.next, page.more
    return entries


async def test_every_manifest_of_a_page_is_proved_in_its_checkpoint(
    harbor: tuple[Device, Relay], mercy: tuple[Device, Relay]
) -> None:
    relay, after, more, proved = harbor[1], 0, True, set()
    while more:
        page = await relay.directory(after)
        head = read_checkpoint(page.checkpoint, page.log_key)
        for entry in page.entries:
            assert (entry.log is None) == (entry.kind == "epochs")
            if entry.log is not None:
                digest = hash_manifest(entry.object.payload)
                prove_logged(head, entry.agency_id, digest, entry.log)
                proved.add(entry.agency_id)
        after, more = page.next, page.more
    assert {device.keyring.agency for device, _ in (harbor, mercy)} <= proved


async def test_the_log_grows_by_one_leaf_for_each_version_and_shows_how(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    relay = harbor[1]
    first = await relay.directory(0)
    was = read_checkpoint(await relay.log_checkpoint(), first.log_key)
    await world.join(next(_CODES))
    page = await relay.directory(0, log_size=was.size)
    now = read_checkpoint(page.checkpoint, first.log_key)
    assert now.size == was.size + 1
    verify_consistency(was.size, now.size, page.consistency, was.root, now.root)
    assert await relay.log_consistency(was.size, now.size) == page.consistency
    assert await relay.log_consistency(now.size, now.size) == ()
    assert await relay.log_consistency(0, now.size) == ()
    ahead = await relay.directory(0, log_size=now.size + 1)
    assert (ahead.checkpoint, ahead.consistency) == (page.checkpoint, ())
    for old, new in ((0, now.size + 1), (2, 1)):
        with pytest.raises(RelayRefused) as refused:
            await relay.log_consistency(old, new)
        assert refused.value.code == "invalid_field"


async def test_the_openings_of_all_leaves_fold_into_the_head(
    harbor: tuple[Device, Relay],
) -> None:
    device, relay = harbor
    page = await relay.directory(0)
    head = read_checkpoint(page.checkpoint, page.log_key)
    leaves: list[LogLeaf] = []
    while len(leaves) < head.size:
        leaves += (await relay.log_leaves(len(leaves))).leaves
    assert root_of(hash_leaf(leaf.to_bytes()) for leaf in leaves) == head.root
    mine = [leaf for leaf in leaves if leaf.agency_id == device.keyring.agency]
    assert [leaf.kind for leaf in mine] == [MANIFEST_LEAF]
    beyond = await relay.log_leaves(head.size)
    assert (beyond.leaves, beyond.more) == ((), False)


async def test_the_log_is_shown_to_nobody_unknown(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    stranger = world.connect(harbor[0].keyring.identity, DeviceId(world.entropy.draw(16)))
    for attempt in (
        stranger.log_checkpoint(),
        stranger.log_consistency(0, 0),
        stranger.log_leaves(0),
    ):
        with pytest.raises(RelayRefused) as refused:
            await attempt
        assert refused.value.code == "not_authenticated"


async def test_a_first_manifest_needs_a_code_that_is_good_once(world: World) -> None:
    now, code = world.clock.now(), world.code()
    first, second = (make_device(world.entropy, next(_CODES)) for _ in range(2))
    relay = world.connect(first.keyring.identity, first.keyring.device)
    for wrong in (None, "a" * 26):
        with pytest.raises(RelayRefused) as refused:
            await relay.put_manifest(
                first.keyring.agency, first.sign_manifest(now), enrolment_code=wrong
            )
        assert refused.value.code == "not_authenticated"
    await first.enrol(relay, code, now)
    with pytest.raises(RelayRefused) as refused:
        await second.enrol(relay, code, now)
    assert refused.value.code == "not_authenticated"


async def test_the_same_manifest_again_is_answered_like_the_first_time(
    harbor: tuple[Device, Relay],
) -> None:
    device, relay = harbor
    assert device.manifest is not None
    await relay.put_manifest(device.keyring.agency, device.manifest)


async def test_a_manifest_must_follow_the_one_held(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    device, relay = harbor
    agency, now = device.keyring.agency, world.clock.now()
    third = device.sign_manifest(now, version=3)
    held, device.manifest = device.manifest, third
    off_chain = device.sign_manifest(now, version=2)
    for refusable in (third, off_chain):
        with pytest.raises(RelayRefused) as refused:
            await relay.put_manifest(agency, refusable)
        assert refused.value.code == "stale_version"
    device.manifest = held
    await relay.put_manifest(agency, device.sign_manifest(now, version=2))


async def test_a_manifest_signed_by_another_key_is_refused(
    world: World, harbor: tuple[Device, Relay], mercy: tuple[Device, Relay]
) -> None:
    device, relay = harbor
    following = device.sign_manifest(world.clock.now(), version=2)
    assert mercy[0].manifest is not None
    forged = SignedObject(payload=following.payload, signature=mercy[0].manifest.signature)
    with pytest.raises(RelayRefused) as refused:
        await relay.put_manifest(device.keyring.agency, forged)
    assert refused.value.code == "refused_signature"


async def test_the_code_of_another_agency_cannot_be_taken(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    device = make_device(world.entropy, harbor[0].keyring.agency_code)
    with pytest.raises(RelayRefused) as refused:
        await device.enrol(harbor[1], world.code(), world.clock.now())
    assert refused.value.code == "invalid_field"


async def test_an_epoch_batch_must_name_the_manifest_held_and_be_newer(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    device, relay = harbor
    agency, now = device.keyring.agency, world.clock.now()
    newer = device.sign_epochs(now + 10)
    await relay.put_epochs(agency, newer)
    await relay.put_epochs(agency, newer)
    older = device.sign_epochs(now + 5)
    device.manifest = device.sign_manifest(now, version=2)
    unknown_manifest = device.sign_epochs(now + 20, version=2)
    for refusable in (older, unknown_manifest):
        with pytest.raises(RelayRefused) as refused:
            await relay.put_epochs(agency, refusable)
        assert refused.value.code == "stale_version"


async def test_an_epoch_batch_of_a_device_that_is_not_certified_is_refused(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    stranger = make_device(world.entropy)
    stranger.manifest = harbor[0].manifest
    signed = stranger.sign_epochs(world.clock.now())
    with pytest.raises(RelayRefused) as refused:
        await harbor[1].put_epochs(stranger.keyring.agency, signed)
    assert refused.value.code == "refused_signature"


async def test_a_week_of_lanes_must_be_newer_and_near(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    device, relay = harbor
    now = world.clock.now()
    week = iso_week(now)
    await relay.put_lanes(week, device.sign_lanes(week, version=2))
    with pytest.raises(RelayRefused) as refused:
        await relay.put_lanes(week, device.sign_lanes(week, version=1))
    assert refused.value.code == "stale_version"
    far = iso_week(now + 4 * WEEK)
    for wrong in (far, iso_week(now + WEEK)):
        with pytest.raises(RelayRefused) as refused:
            await relay.put_lanes(wrong, device.sign_lanes(far if wrong == far else week))
        assert refused.value.code == "invalid_field"


async def test_a_mailbox_in_memory_breaks_when_its_relay_goes_offline() -> None:
    relay = InMemoryRelay(FakeClock())
    device = make_device(SeededEntropy(1))
    connection = relay.connect(device.keyring.identity, device.keyring.device)
    await device.publish(connection, relay.enrolment_code(), relay.clock.now())
    mailbox = await open_mailbox(connection, live=True)
    waiting = asyncio.ensure_future(anext(mailbox.arrivals()))
    await asyncio.sleep(0)
    relay.offline = True
    with pytest.raises(RelayUnreachable):
        await waiting
    with pytest.raises(RelayUnreachable):
        await connection.directory(0)


@pytest.mark.requirement("A51")
async def test_an_answer_lost_in_memory_leaves_the_envelope_stored_once() -> None:
    """A51: on a fluctuating connection the same bytes are handed over again, and count once."""
    relay = InMemoryRelay(FakeClock())
    device = make_device(SeededEntropy(1))
    connection = relay.connect(device.keyring.identity, device.keyring.device)
    now = relay.clock.now()
    await device.publish(connection, relay.enrolment_code(), now)
    record = make_record(device.keyring.mailbox, SeededEntropy(2), now=now)
    relay.losing_answers = True
    with pytest.raises(RelayUnreachable):
        await connection.submit(device.capability(now), [record.pack()])
    relay.losing_answers = False
    await connection.submit(device.capability(now), [record.pack()])
    assert relay.envelopes_held() == (envelope_of(record),)


async def test_a_device_leaves_only_endpoints_that_the_relay_would_send_to(world: World) -> None:
    device, relay = await world.join("WAKES")
    await relay.put_wake(WakeEndpoints(endpoints=()))
    for target in ("https://push.example/topic", "lead@agency.example"):
        kind = "webhook" if "://" in target else "email"
        wanted = WakeEndpoints(endpoints=(WakeEndpoint(kind=kind, target=target),))  # type: ignore[arg-type]  # one of the two
        with pytest.raises(RelayRefused) as refused:
            await relay.put_wake(wanted)
        assert refused.value.code == "invalid_field"
    stranger = world.connect(device.keyring.identity, DeviceId(world.entropy.draw(16)))
    with pytest.raises(RelayRefused) as refused:
        await stranger.put_wake(WakeEndpoints(endpoints=()))
    assert refused.value.code == "not_authenticated"


async def test_a_listen_key_hears_the_newest_number_and_may_do_nothing_else(world: World) -> None:
    device, _ = await world.join(next(_CODES))
    relay = world.connect(device.keyring.listen, device.keyring.device)
    async with aclosing(relay.listen()) as told:
        assert await anext(told) == 0
        sending = world.connect(device.keyring.identity, device.keyring.device)
        record = make_record(device.keyring.mailbox, world.entropy, now=world.clock.now())
        await sending.submit(device.capability(world.clock.now()), [record.pack()])
        async with asyncio.timeout(10):
            assert await anext(told) == 1
    with pytest.raises(RelayRefused) as refused:
        await relay.directory(0)
    assert refused.value.code == "not_authenticated"


async def test_an_identity_key_and_a_foreign_key_hear_nothing(world: World) -> None:
    device, _ = await world.join(next(_CODES))
    other, _ = await world.join(next(_CODES))
    for key in (device.keyring.identity, other.keyring.listen):
        with pytest.raises(RelayRefused) as refused:
            await anext(world.connect(key, device.keyring.device).listen())
        assert refused.value.code == "not_authenticated"


def part_of(world: World, size: int, *, first: int = 0, end: int | None = None) -> BlobPart:
    """Give a part of a blob that is the same whenever it is asked for with the same world."""
    body = bytes([size % 251]) * size
    return BlobPart(
        world.blob_id, hash_opening(W1 * 2), W2 * 2, first, size, body[first : end or size]
    )


async def test_a_blob_in_parts_is_stored_once_and_fetched_by_its_secret(
    world: World, harbor: tuple[Device, Relay], mercy: tuple[Device, Relay]
) -> None:
    (host, relay), (_, other) = harbor, mercy
    now = world.clock.now()
    world.blob_id = world.entropy.draw(16)
    size = 2 * ROW + 7
    assert await relay.blob_status(world.blob_id, W2 * 2) is None
    for first, end in ((0, ROW), (0, ROW), (ROW, size), (ROW, size)):
        part = part_of(world, size, first=first, end=end)
        kept = await relay.put_blob_part(host.capability(now), part)
        assert kept.stored == end
        assert await relay.blob_status(world.blob_id, W2 * 2) == kept
    assert now + 30 * DAY <= kept.expires <= world.clock.now() + 30 * DAY + MINUTE
    fetched = await other.get_blob(world.blob_id, W1 * 2, first=ROW - 1, last=size - 1)
    assert fetched == part_of(world, size).body[ROW - 1 :]
    await relay.delete_blob(world.blob_id, W2 * 2)
    await relay.delete_blob(world.blob_id, W2 * 2)
    assert await relay.blob_status(world.blob_id, W2 * 2) is None


async def test_a_blob_is_refused_alike_everywhere(
    world: World, harbor: tuple[Device, Relay]
) -> None:
    host, relay = harbor
    lane = host.capability(world.clock.now())
    world.blob_id = world.entropy.draw(16)
    good = part_of(world, 2 * ROW, end=ROW)
    assert (await relay.put_blob_part(lane, good)).stored == ROW
    wrong = [
        (bytes(32), part_of(world, 2 * ROW, first=ROW), "not_found"),
        (lane, replace(good, body=bytes(ROW)), "conflict"),
        (lane, replace(good, writer=W3 * 2), "conflict"),
        (lane, replace(good, opening_hash=W3 * 2), "conflict"),
        (lane, replace(good, total=3 * ROW), "conflict"),
        (lane, replace(good, body=good.body[:-1]), "invalid_field"),
        (lane, replace(good, first=1), "invalid_field"),
        (lane, part_of(world, 2 * ROW), "invalid_field"),
        (lane, replace(good, blob_id=world.entropy.draw(16), first=ROW), "invalid_field"),
        (lane, replace(good, blob_id=world.entropy.draw(16), total=2**30), "too_large"),
    ]
    for capability, part, code in wrong:
        with pytest.raises(RelayRefused) as refused:
            await relay.put_blob_part(capability, part)
        assert refused.value.code == code
    for opening in (W1 * 2, W3 * 2):  # it is not whole
        with pytest.raises(RelayRefused) as refused:
            await relay.get_blob(world.blob_id, opening, first=0, last=1)
        assert refused.value.code == "not_found"
    await relay.put_blob_part(lane, part_of(world, 2 * ROW, first=ROW))
    with pytest.raises(RelayRefused) as refused:
        await relay.get_blob(world.blob_id, W3 * 2, first=0, last=1)
    assert refused.value.code == "not_found"
    assert await relay.blob_status(world.blob_id, W3 * 2) is None
    await relay.delete_blob(world.blob_id, W3 * 2)
    assert await relay.get_blob(world.blob_id, W1 * 2, first=0, last=0) == good.body[:1]
