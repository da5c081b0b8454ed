"""Files between agencies: whole or not at all, once, and gone on with after every break."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER, Agencies, invite
from tests.client_sdk.agent.faults import (
    OF_RELAY,
    OF_STORE,
    Fate,
    FaultyStore,
    Killed,
    connect_faulty,
)
from tests.controls import without

from quietway import (
    AttachmentGone,
    AttachmentRefused,
    AttachmentUnfit,
    ContentRefused,
    NotFound,
    PartnerPaused,
    RelayUnreachable,
    TransferProgress,
    UnknownPartner,
)
from quietway.attaching.staging import INCOMING, OUTGOING
from quietway.cleaning.cleaned import Cleaned
from quietway.client import AsyncClient
from quietway.content import AttachmentFile, CaseRef
from quietway.errors import QuietwayError, RoleRefused
from quietway.speaking import find_agencies, speak
from quietway.store.memory import MemoryStore
from quietway.testing.sandbox import FAST, PASSPHRASE, RELAY_URL
from quietway_crypto.lanes import hash_capability

if TYPE_CHECKING:
    from pathlib import Path

    from quietway.attaching.sending import Uploads
    from quietway.attaching.upload import Copy, Upload
    from quietway.reports import Sent
    from quietway_schemas.ids import AgencyId

MIB = 2**20
DAY = 86_400
SMALL = b"A bed is free from tonight.\n" * 40
LARGE = bytes(range(256)) * 8192 + b"the end"
"""A little more than eight parts."""
MOST_CALLS = 40


async def pair(agencies: Agencies) -> tuple[AsyncClient, AsyncClient]:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    return shelter, hospital


async def send_cleaned(
    client: AsyncClient, content: bytes, name: str = "a.bin", to: str = "MERCY", **more: Any
) -> Sent:
    """Send a file as it is once it was cleaned: this page is about the way of a sealed file."""
    agent = client._agent
    place = client.home / f"{agent.entropy.draw(4).hex()}.cleaned"
    place.write_bytes(content)
    cleaned = Cleaned(place, len(content), name, "application/octet-stream", (), ())
    try:
        return await client.attachments._send_cleaned(cleaned, find_agencies(agent, to), **more)
    finally:
        place.unlink()


async def receive(client: AsyncClient) -> AttachmentFile:
    await client.sync()
    (pointer,) = [
        held.content for held in await client.inbox() if isinstance(held.content, AttachmentFile)
    ]
    return pointer


async def last_id(client: AsyncClient) -> str:
    await client.sync()
    return str((await client.attachments.list())[-1].message_id)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def strays(client: AsyncClient) -> list[str]:
    """List the files of transfers in a device's folder."""
    ways = [client.home / way for way in (OUTGOING, INCOMING)]
    return [path.name for way in ways if way.is_dir() for path in way.iterdir()]


@pytest.mark.parametrize("content", [b"x", SMALL])
async def test_a_file_arrives_as_it_was(agencies: Agencies, tmp_path: Path, content: bytes) -> None:
    shelter, hospital = await pair(agencies)
    source = tmp_path / "what is free.txt"
    source.write_bytes(content)
    sent = await shelter.attachments.send(source, to="MERCY")
    assert (sent.state, sent.problem) == ("stored_at_relay", None)
    pointer = await receive(hospital)
    assert (pointer.name, pointer.media_type) == ("what is free.txt", "text/plain")
    fetched = await hospital.attachments.fetch(str(sent.message_id), tmp_path)
    assert fetched.path.read_bytes() == content
    assert fetched.path.name == "what is free (2).txt"
    assert fetched.path.stat().st_mode & 0o077 == 0
    assert strays(shelter) == strays(hospital) == []
    held = b"".join(held.body for held in agencies.relay.blobs.held.values())
    assert len(held) > 65_536
    assert len(content) < 64 or content[:64] not in held


async def test_progress_tells_each_stage_to_its_end(agencies: Agencies, tmp_path: Path) -> None:
    shelter, hospital = await pair(agencies)
    told: list[TransferProgress] = []
    sent = await send_cleaned(shelter, LARGE, progress=told.append)
    await hospital.sync()
    await hospital.attachments.fetch(str(sent.message_id), tmp_path, progress=told.append)
    assert list(dict.fromkeys(held.stage for held in told)) == ["seal", "upload", "fetch", "open"]
    for stage in ("seal", "upload", "fetch", "open"):
        of_stage = [held for held in told if held.stage == stage]
        assert [held.done for held in of_stage] == sorted(held.done for held in of_stage)
        assert of_stage[-1].done == of_stage[-1].total


async def test_only_the_recipient_and_the_sender_list_and_fetch_it(
    agencies: Agencies, tmp_path: Path
) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    sent = await shelter.attachments.send(SMALL, to="MERCY", name="a.txt")
    for client in (hospital, police):
        await client.sync()
    (mine,), (theirs,) = [await one.attachments.list() for one in (shelter, hospital)]
    assert (mine.state, mine.to, mine.length) == ("available", (hospital.agency_id,), len(SMALL))
    assert (theirs.agency, theirs.name) == (shelter.agency_id, "a.txt")
    assert await police.attachments.list() == []
    with pytest.raises(NotFound):
        await police.attachments.fetch(str(sent.message_id), tmp_path)
    own = await shelter.attachments.fetch(str(sent.message_id), tmp_path)
    assert own.path.read_bytes() == SMALL


async def test_two_agencies_are_told_of_a_case_under_aliases_of_their_own(
    agencies: Agencies,
) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    case = CaseRef(b"c" * 16)
    with pytest.raises(ContentRefused, match="send it to each"):
        await shelter.attachments.send(SMALL, to=["MERCY", "CITYPD"], name="a.txt", case_ref=case)
    for to in ("MERCY", "CITYPD"):
        await shelter.attachments.send(SMALL, to=to, name="a.txt", case_ref=case)
    told = [await receive(client) for client in (hospital, police)]
    assert len({case, *(pointer.case_ref for pointer in told)}) == 3
    # Nor do they have a file in common, by whose name they could tell.
    assert len({pointer.blob_id for pointer in told}) == len(agencies.relay.blobs.held) == 2


async def test_rules_are_asked_before_anything_is_sealed(
    agencies: Agencies, tmp_path: Path
) -> None:
    shelter, _ = await pair(agencies)
    with pytest.raises(UnknownPartner):
        await shelter.attachments.send(SMALL, to="NOBODY", name="a")
    for name in ("", "../a", "a\u202eb", "a:b", " a", "a" * 121, ".", "a\n"):
        with pytest.raises(ContentRefused):
            await shelter.attachments.send(SMALL, to="MERCY", name=name)
    with pytest.raises(ContentRefused):
        await shelter.attachments.send(SMALL, to="MERCY", name="a", media_type="Text/Plain")
    for missing in (tmp_path, tmp_path / "none"):
        with pytest.raises(AttachmentUnfit) as refused:
            await shelter.attachments.send(missing, to="MERCY")
        assert refused.value.reason == "unreadable"
    assert (strays(shelter), agencies.relay.blobs.held) == ([], {})


async def test_who_does_no_casework_sends_no_file(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    auditor = await AsyncClient.found(
        agencies.folder / "auditor",
        passphrase=PASSPHRASE,
        relay=RELAY_URL,
        enrolment_code=agencies.relay.enrolment_code(),
        agency_code="AUDIT",
        program="AUDIT-OFFICE",
        roles=("auditor",),
        parameters=FAST,
        relay_port=agencies.relay.connect,
        clock=agencies.clock,
        entropy=agencies.entropy,
        store=MemoryStore(),
    )
    agencies.keep_open(auditor)
    await invite(shelter, auditor)
    with pytest.raises(RoleRefused):
        await auditor.attachments.send(SMALL, to="HARBOR", name="a")
    assert agencies.relay.blobs.held == {}


async def test_a_file_too_large_for_the_relay_is_told_and_forgotten(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quietway.testing import relay_blobs  # noqa: PLC0415 - its limit, lowered for the test

    shelter, _ = await pair(agencies)
    monkeypatch.setattr(relay_blobs, "LARGEST_BLOB", 100_000)
    with pytest.raises(AttachmentUnfit) as refused:
        await send_cleaned(shelter, LARGE)
    assert refused.value.reason == "too_large"
    assert (strays(shelter), await shelter.attachments.list()) == ([], [])


async def test_without_the_network_it_waits_and_goes_with_the_next_sync(
    agencies: Agencies, tmp_path: Path
) -> None:
    shelter, hospital = await pair(agencies)
    agencies.clock.advance(90)
    agencies.relay.offline = True
    sent = await send_cleaned(shelter, LARGE)
    assert sent.state == "not_yet_sent"
    assert isinstance(sent.problem, RelayUnreachable)
    assert [held.state for held in await shelter.attachments.list()] == ["uploading"]
    await shelter.aclose()
    shelter = await agencies.reopen(SHELTER)
    agencies.relay.offline = False
    assert (await shelter.sync()).problems == ()
    fetched = await hospital.attachments.fetch(await last_id(hospital), tmp_path)
    assert fetched.path.read_bytes() == LARGE
    assert strays(shelter) == []


async def test_an_unreadable_staging_file_is_told_and_forgotten(agencies: Agencies) -> None:
    shelter, _ = await pair(agencies)
    agencies.clock.advance(90)
    agencies.relay.offline = True
    await send_cleaned(shelter, SMALL)
    for path in (shelter.home / OUTGOING).iterdir():
        path.unlink()
    agencies.relay.offline = False
    (problem,) = (await shelter.sync()).problems
    assert isinstance(problem, AttachmentUnfit)
    assert await shelter.attachments.list() == []
    assert (await shelter.sync()).problems == ()


async def test_expired_and_taken_back_are_told_apart_from_the_network(
    agencies: Agencies, tmp_path: Path
) -> None:
    shelter, hospital = await pair(agencies)
    first = await shelter.attachments.send(SMALL, to="MERCY", name="a.txt")
    second = await shelter.attachments.send(SMALL, to="MERCY", name="b.txt")
    await hospital.sync()
    await shelter.attachments.withdraw(str(first.message_id))
    with pytest.raises(AttachmentGone):
        await hospital.attachments.fetch(str(first.message_id), tmp_path)
    with pytest.raises(NotFound):
        await shelter.attachments.withdraw(str(first.message_id))
    with pytest.raises(NotFound):
        await hospital.attachments.withdraw(str(second.message_id))
    agencies.relay.offline = True
    with pytest.raises(RelayUnreachable):
        await hospital.attachments.fetch(str(second.message_id), tmp_path)
    agencies.relay.offline = False
    agencies.clock.advance(31 * DAY)
    with pytest.raises(AttachmentGone):
        await hospital.attachments.fetch(str(second.message_id), tmp_path)
    assert [held.state for held in await hospital.attachments.list()] == ["expired", "expired"]
    assert [name for name in names_in(tmp_path) if name.endswith(".txt")] == strays(hospital) == []


async def test_bytes_that_the_relay_changed_are_refused_and_nothing_is_written(
    agencies: Agencies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its control: without the hash the chunks still refuse; the relay gains nothing."""
    shelter, hospital = await pair(agencies)
    sent = await send_cleaned(shelter, LARGE)
    await hospital.sync()
    (held,) = agencies.relay.blobs.held.values()
    held.body = held.body[:-1] + bytes([held.body[-1] ^ 1])
    folder = tmp_path / "into"
    folder.mkdir()
    with pytest.raises(AttachmentRefused):
        await hospital.attachments.fetch(str(sent.message_id), folder)
    without(monkeypatch, "quietway.attaching.fetching:is_as_pointed", lambda *_: True)
    with pytest.raises(AttachmentRefused):
        await hospital.attachments.fetch(str(sent.message_id), folder)
    assert names_in(folder) == strays(hospital) == []


async def test_a_fetch_goes_on_where_it_stopped(agencies: Agencies, tmp_path: Path) -> None:
    shelter, hospital = await pair(agencies)
    sent = await send_cleaned(shelter, LARGE)
    await hospital.sync()
    told: list[TransferProgress] = []

    def break_off(progress: TransferProgress) -> None:
        told.append(progress)
        agencies.relay.offline = progress.done >= MIB

    with pytest.raises(RelayUnreachable):
        await hospital.attachments.fetch(str(sent.message_id), tmp_path, progress=break_off)
    assert "a.bin" not in names_in(tmp_path)
    agencies.relay.offline = False
    told.clear()
    fetched = await hospital.attachments.fetch(str(sent.message_id), tmp_path, progress=told.append)
    assert told[0].done == MIB
    assert fetched.path.read_bytes() == LARGE


async def test_cancelling_leaves_nothing_broken(agencies: Agencies, tmp_path: Path) -> None:
    shelter, hospital = await pair(agencies)
    for stage in ("seal", "upload"):
        task: asyncio.Task[object]

        def stop(progress: TransferProgress, at: str = stage) -> None:
            if progress.stage == at:
                task.cancel()  # noqa: B023 - the task of this turn

        task = asyncio.ensure_future(send_cleaned(shelter, LARGE, f"{stage}.bin", progress=stop))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(strays(shelter)) == (stage == "upload")
    assert (await shelter.sync()).problems == ()
    message = await last_id(hospital)
    fetching: asyncio.Task[object]
    folder = tmp_path / "into"
    folder.mkdir()
    for stage in ("fetch", "open"):

        def halt(progress: TransferProgress, at: str = stage) -> None:
            if progress.stage == at:
                fetching.cancel()  # noqa: B023 - the task of this turn

        fetching = asyncio.ensure_future(hospital.attachments.fetch(message, folder, progress=halt))
        with pytest.raises(asyncio.CancelledError):
            await fetching
        assert names_in(folder) == []
    fetched = await hospital.attachments.fetch(message, folder)
    assert (fetched.path.name, fetched.path.read_bytes()) == ("upload.bin", LARGE)
    assert [held.name for held in await hospital.attachments.list()] == ["upload.bin"]


class Sender:
    """A shelter whose calls can fail, and a hospital whose calls cannot."""

    def __init__(self, agencies: Agencies) -> None:
        self.agencies = agencies
        self.fate = Fate()
        self.store = FaultyStore(self.fate)

    async def begin(self) -> None:
        self.hospital = await self.agencies.found(HOSPITAL)
        self.shelter = await AsyncClient.found(
            self.agencies.folder / "shelter",
            passphrase=PASSPHRASE,
            relay=RELAY_URL,
            enrolment_code=self.agencies.relay.enrolment_code(),
            agency_code="HARBOR",
            program=SHELTER,
            parameters=FAST,
            **self._ports(),
        )
        await invite(self.shelter, self.hospital)
        await invite(self.hospital, self.shelter)
        await self.shelter.sync()

    async def heal(self) -> None:
        killed = self.fate.dead
        self.fate.heal()
        if killed:
            self.shelter = await AsyncClient.open(
                self.agencies.folder / "shelter", passphrase=PASSPHRASE, **self._ports()
            )
        for _ in range(2):
            self.agencies.clock.advance(3_700)
            report = await self.shelter.sync()
            assert report.problems == ()

    def _ports(self) -> dict[str, object]:
        return {
            "relay_port": connect_faulty(self.agencies.relay, self.fate),
            "clock": self.agencies.clock,
            "entropy": self.agencies.entropy,
            "store": self.store,
        }


async def send_with_a_fault(sender: Sender, fault: str, call: int, *, of_store: bool) -> bool:
    """Send one file while one call fails, heal, and check that it came once or not at all."""
    content = LARGE[:300_000] + bytes([call])
    before = await receive_all(sender.hospital)
    sender.fate.order(fault, call, of_store=of_store)
    was_told = False
    with suppress(QuietwayError, Killed):
        await send_cleaned(sender.shelter, content)
        was_told = True
    happened = sender.fate.happened
    await sender.heal()
    new = (await receive_all(sender.hospital))[len(before) :]
    assert len(new) <= 1, "it was said twice"
    assert new or not was_told, "it was lost"
    for pointer in new:
        held = sender.agencies.relay.blobs.held[pointer.blob_id]
        assert hashlib.sha256(held.body).digest() == pointer.sha256
    assert strays(sender.shelter) == []
    return happened


async def receive_all(client: AsyncClient) -> list[AttachmentFile]:
    await client.sync()
    return [
        held.content for held in await client.inbox() if isinstance(held.content, AttachmentFile)
    ]


@pytest.mark.parametrize(
    ("fault", "of_store"), [*((f, True) for f in OF_STORE), *((f, False) for f in OF_RELAY)]
)
async def test_an_upload_that_breaks_at_any_call_ends_once_and_whole(
    agencies: Agencies, fault: str, *, of_store: bool
) -> None:
    sender = Sender(agencies)
    await sender.begin()
    for call in range(1, MOST_CALLS):
        if not await send_with_a_fault(sender, fault, call, of_store=of_store):
            assert call > 3
            return
    pytest.fail("The calls have no end.")


async def test_control_without_a_name_given_before_a_break_says_it_twice(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def say_anew(self: Uploads, upload: Upload, copy: Copy, expires: int) -> Sent:
        return await speak(self._agent, upload.say(copy, expires), to=copy.to)

    async def send_at_every_call() -> None:
        for call in range(1, MOST_CALLS):
            await send_with_a_fault(sender, OF_STORE[2], call, of_store=True)

    without(monkeypatch, "quietway.attaching.sending:Uploads._say", say_anew)
    sender = Sender(agencies)
    await sender.begin()
    with pytest.raises(AssertionError, match="said twice"):
        await send_at_every_call()


async def test_a_file_for_a_paused_partner_is_refused_before_anything_of_it_leaves(
    agencies: Agencies,
) -> None:
    """What was refused does not go out by itself later, when they are let in again."""
    shelter, hospital = await pair(agencies)
    await shelter.partners.pause("MERCY")
    with pytest.raises(PartnerPaused):
        await shelter.attachments.send(SMALL, to="MERCY", name="a.txt")
    assert agencies.relay.blobs.held == {}
    assert strays(shelter) == []
    await shelter.partners.resume("MERCY")
    await shelter.sync()
    await hospital.sync()
    assert await hospital.inbox() == []


async def begin_and_pause(agencies: Agencies, shelter: AsyncClient, *to: str) -> None:
    agencies.relay.offline = True
    agencies.clock.advance(120)
    sent = await shelter.attachments.send(SMALL, to=to, name="a.txt")
    assert sent.state == "not_yet_sent"
    await shelter.partners.pause("MERCY")
    agencies.relay.offline = False


async def test_an_upload_stops_where_its_partner_is_paused_and_goes_on_when_let_in(
    agencies: Agencies,
) -> None:
    shelter, hospital = await pair(agencies)
    await begin_and_pause(agencies, shelter, "MERCY")
    (problem,) = (await shelter.sync()).problems
    assert isinstance(problem, PartnerPaused)
    assert agencies.relay.blobs.held == {}
    await shelter.partners.resume("MERCY")
    await shelter.sync()
    assert (await receive(hospital)).name == "a.txt"


async def test_of_several_partners_a_file_goes_through_the_lane_of_one_that_is_not_paused(
    agencies: Agencies,
) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    await begin_and_pause(agencies, shelter, "MERCY", "CITYPD")
    await shelter.sync()
    shown = shelter._agent.lanes.ways(police.agency_id, agencies.clock.now())
    assert set(agencies.relay.blobs._charged) <= {hash_capability(one) for (one,) in shown}
    assert (await receive(police)).name == "a.txt"
    await hospital.sync()
    assert await hospital.inbox() == []


async def test_control_without_that_choice_a_file_goes_through_a_paused_partners_lane(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choose_first(_: Uploads, upload: Upload) -> AgencyId:
        return min(upload.copies[0].to)

    without(monkeypatch, "quietway.attaching.sending:Uploads._choose_lane", choose_first)
    shelter, _ = await pair(agencies)
    await begin_and_pause(agencies, shelter, "MERCY")
    await shelter.sync()
    assert len(agencies.relay.blobs.held) == 1
