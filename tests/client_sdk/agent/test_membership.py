"""An agency's devices change: who is first, who is told, and what an old founding grows into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, Agencies
from tests.controls import without
from tests.logged_pages import serve_logged
from tests.second_device import add_device, take_away

from quietway.engine.codec import write_row
from quietway.errors import ContentRefused, DirectoryStale, OutpacedByColleague, RelayRefused
from quietway.membership import renewed, with_device, without_device
from quietway.ports import Delete, Put
from quietway.publishing import MANIFEST, PUBLISHED
from quietway.testing.entropy import SeededEntropy
from quietway_protocol.manifests import ProvedManifest, hash_manifest, read_manifest
from quietway_schemas.directory import DEPARTED_KEPT_MS, SignedObject
from quietway_schemas.ids import DeviceId
from quietway_schemas.instants import DAY, SECOND, iso_week

if TYPE_CHECKING:
    from pathlib import Path

    from quietway.agent import Agent
    from quietway.client import AsyncClient

A_DAY = DAY // SECOND


async def _link(agencies: Agencies, host: AsyncClient, *, holds_ops: bool = False) -> Agent:
    return await add_device(
        host._agent,
        connect=agencies.relay.connect,
        clock=agencies.clock,
        entropy=SeededEntropy(77),
        holds_ops=holds_ops,
    )


def _own(agent: Agent) -> ProvedManifest:
    assert agent.publisher.own_manifest is not None
    return agent.publisher.own_manifest


async def test_two_ops_holders_race_and_one_is_told(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    desk = shelter._agent
    phone = await _link(agencies, shelter, holds_ops=True)
    await phone.synchronise()
    ops, now = desk.keyring.ops, agencies.clock.now()
    assert ops is not None
    held = _own(desk)
    assert _own(phone).hash == held.hash
    await desk.publisher.publish_manifest(renewed(held, ops=ops, now=now + 1))
    with pytest.raises(OutpacedByColleague):
        await phone.publisher.publish_manifest(renewed(held, ops=ops, now=now + 2))
    # The one who was told reads, and decides again on top of what is there.
    assert _own(phone).manifest.version == held.manifest.version
    await phone.pull_directory()
    assert _own(phone).hash == _own(desk).hash
    await phone.publisher.publish_manifest(renewed(_own(phone), ops=ops, now=now + 3))
    assert _own(phone).manifest.version == held.manifest.version + 2


async def test_control_a_relay_that_takes_the_last_one_forgets_the_first(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.testing.relay_directory:_check_place", lambda *_: None)
    shelter = await agencies.found(SHELTER)
    desk = shelter._agent
    phone = await _link(agencies, shelter, holds_ops=True)
    await phone.synchronise()
    ops, now, held = desk.keyring.ops, agencies.clock.now(), _own(desk)
    assert ops is not None
    revoking = without_device(held, phone.keyring.device, "revoked", ops=ops, now=now)
    await desk.publisher.publish_manifest(revoking)
    # The lost phone's own renewal, on top of the former version, undoes its revocation.
    await phone.publisher.publish_manifest(renewed(held, ops=ops, now=now + 2))
    assert agencies.relay.books.find_device(phone.keyring.device, phone.keyring.identity.public)


async def test_a_renewal_by_a_colleague_is_as_good_as_ones_own(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    phone = await _link(agencies, shelter, holds_ops=True)
    for _ in range(23):
        agencies.clock.advance(4 * A_DAY)
        report = await phone.synchronise()
        assert report.problems == ()
        assert (await shelter.sync()).problems == ()
    await phone.synchronise()
    assert _own(phone).hash == _own(shelter._agent).hash
    assert _own(phone).manifest.version == 3


async def test_an_agency_does_not_fall_silent_while_one_of_its_two_devices_rests(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    phone = await _link(agencies, shelter)
    await phone.synchronise()
    for _ in range(20):
        agencies.clock.advance(A_DAY)
        await shelter.sync()
    # One renewal in five days, and none on the others.
    assert _own(shelter._agent).manifest.version == 6
    await hospital.sync()
    # The resting one gets its copy when it has keys again; the running one has it now.
    await hospital.messages.send("Still there?", to="HARBOR")
    assert (await shelter.sync()).received == 1


async def test_control_without_the_renewal_its_partners_wait(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def renew_nothing(*_: object) -> None:
        pass

    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await (await _link(agencies, shelter)).synchronise()
    without(monkeypatch, "quietway.publishing:Publisher._renew_manifest", renew_nothing)
    for _ in range(20):
        agencies.clock.advance(A_DAY)
        await shelter.sync()
    await hospital.sync()
    sent = await hospital.messages.send("Still there?", to="HARBOR")
    assert isinstance(sent.problem, DirectoryStale)


async def test_a_device_without_an_ops_key_renews_nothing(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    phone = await _link(agencies, shelter)
    agencies.clock.advance(61 * A_DAY)
    await phone.synchronise()
    assert _own(phone).manifest.version == 2
    await shelter.sync()
    assert _own(shelter._agent).manifest.version == 3


async def test_both_devices_of_an_agency_publish_keys_and_lanes(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    phone = await _link(agencies, shelter)
    assert (await phone.synchronise()).problems == ()
    assert (await shelter.sync()).problems == ()
    agencies.clock.advance(A_DAY)
    assert (await phone.synchronise()).problems == ()
    assert (await shelter.sync()).problems == ()
    await hospital.sync()
    sent = await hospital.messages.send("To both machines.", to="HARBOR")
    assert sent.state == "stored_at_relay"
    assert (await phone.synchronise()).received == 1
    assert (await shelter.sync()).received == 1


async def test_a_week_of_lanes_goes_above_a_colleagues_whose_clock_is_ahead(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    agent = shelter._agent
    week = iso_week(agencies.clock.now())
    ahead = agencies.clock.now() // SECOND + 3_600
    await agent.publisher._put_lanes(week, [], ahead)
    await agent.store.commit([Delete(PUBLISHED, b"lanes/" + week.encode())])
    await shelter.partners.invite("somebody new")
    assert agencies.relay.books._lanes[shelter.agency_id, week].version > ahead


async def test_a_device_that_left_stops_publishing(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    phone = await _link(agencies, shelter)
    await phone.synchronise()
    await take_away(shelter._agent, phone.keyring.device)
    report = await phone.synchronise()
    refused = [problem for problem in report.problems if isinstance(problem, RelayRefused)]
    assert {problem.code for problem in refused} <= {"not_authenticated", "refused_signature"}


async def test_nothing_is_sent_to_an_agency_that_nobody_vouched_for_and_goes_out_later(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    # 6 days on, the hospital's last batch still has keys; 8 days on, nobody vouches for it.
    agencies.clock.advance(6 * A_DAY)
    await shelter.sync()
    assert (await shelter.messages.send("In time.", to="MERCY")).state == "stored_at_relay"
    agencies.clock.advance(2 * A_DAY)
    await shelter.sync()
    sent = await shelter.messages.send("Too late for now.", to="MERCY")
    assert sent.state == "unreachable"
    assert isinstance(sent.problem, DirectoryStale)
    assert sent.problem.agency == "MERCY"
    held = len(agencies.relay.envelopes_held())
    await hospital.sync()
    await shelter.sync()
    assert len(agencies.relay.envelopes_held()) > held - 2
    await hospital.sync()
    texts = [getattr(said.content, "text", "") for said in await hospital.inbox()]
    assert texts[-1] == "Too late for now."


async def test_control_without_freshness_it_goes_to_whoever_was_there_a_week_ago(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.keyring.trust:Directory.hindrance", lambda *_: "")
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    agencies.clock.advance(7 * A_DAY)
    await shelter.sync()
    sent = await shelter.messages.send("Too late.", to="MERCY")
    assert sent.state == "stored_at_relay"


async def test_decisions_that_make_no_sense_are_refused(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    desk = shelter._agent
    phone = await _link(agencies, shelter)
    ops, now = desk.keyring.ops, agencies.clock.now()
    assert ops is not None
    with pytest.raises(ContentRefused):
        without_device(_own(desk), DeviceId(bytes(16)), "retired", ops=ops, now=now)
    await take_away(desk, phone.keyring.device, "retired")
    with pytest.raises(ContentRefused):
        without_device(_own(desk), phone.keyring.device, "retired", ops=ops, now=now)
    with pytest.raises(ContentRefused, match="last one"):
        without_device(_own(desk), desk.keyring.device, "retired", ops=ops, now=now)
    # What was retired may turn out to be lost.
    await take_away(desk, phone.keyring.device, "revoked")
    gone = _own(desk).manifest.find_departed(phone.keyring.device)
    assert gone is not None
    assert gone.how == "revoked"


async def test_who_left_is_named_until_its_mail_is_over(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    desk = shelter._agent
    phone = await _link(agencies, shelter)
    await take_away(desk, phone.keyring.device, "retired")
    ops, at = desk.keyring.ops, agencies.clock.now()
    assert ops is not None
    for later, named in ((DEPARTED_KEPT_MS - 1, 1), (DEPARTED_KEPT_MS, 0)):
        signed = renewed(_own(desk), ops=ops, now=at + later)
        assert len(read_manifest(signed).departed) == named


async def test_a_certificate_may_be_replaced_by_another_for_the_same_device(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    desk = shelter._agent
    ops = desk.keyring.ops
    assert ops is not None
    (held,) = _own(desk).manifest.devices
    again = with_device(_own(desk), held, ops=ops, now=agencies.clock.now())
    assert read_manifest(again).devices == (held,)


async def _age(agencies: Agencies, shelter: AsyncClient) -> tuple[bytes, int]:
    """Make of a founding what it was before there were ops keys, at the relay and in the store."""
    agent = shelter._agent
    old = SignedObject(payload=b'{"agency_code":"HARBOR","version":1}', signature=bytes(64))
    held = agencies.relay.books._manifests[shelter.agency_id]
    agencies.relay.books._manifests[shelter.agency_id] = ProvedManifest(old, held.manifest)
    serve_logged(agencies.relay.books, shelter.agency_id, old)
    row = write_row(payload=old.payload, signature=old.signature, version=1, confirmed=True)
    directory = [
        Delete("directory", found.key)
        for found in await agent.store.scan("directory")
        if found.key.startswith(b"proved/")
    ]
    await agent.store.commit([Put(PUBLISHED, MANIFEST, row), *directory])
    return old.payload, 1


async def test_an_agency_founded_before_there_were_ops_keys_grows_into_them(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    payload, version = await _age(agencies, shelter)
    await shelter.aclose()
    again = await agencies.reopen(SHELTER)
    report = await again.sync()
    # What it served of old is refused, and said so; it is the last time.
    assert [getattr(problem, "reason", "") for problem in report.problems] == ["malformed"]
    manifest = _own(again._agent).manifest
    assert (manifest.version, manifest.prev_hash) == (version + 1, hash_manifest(payload))
    assert (manifest.ops.version, manifest.ops.approvals) == (1, 1)
    assert manifest.root_key == again._agent.root_key
    assert (await again.sync()).problems == ()
    await hospital.sync()
    sent = await hospital.messages.send("Still there?", to="HARBOR")
    assert sent.state == "stored_at_relay"


async def test_a_root_key_reads_the_directory_and_nothing_else(
    agencies: Agencies, tmp_path: Path
) -> None:
    del tmp_path
    shelter = await agencies.found(SHELTER)
    root = shelter._agent.keyring.root
    assert root is not None
    relay = agencies.relay.connect(root, shelter.agency_id)
    page = await relay.directory(0)
    assert {entry.kind for entry in page.entries} == {"manifest", "epochs"}
    with pytest.raises(RelayRefused):
        await relay.open_mailbox(after=0, witness_now=bytes(16), witness_was=None, live=False)
    stranger = agencies.relay.connect(shelter._agent.keyring.identity, shelter.agency_id)
    with pytest.raises(RelayRefused):
        await stranger.directory(0)
