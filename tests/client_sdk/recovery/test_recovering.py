"""An agency comes back by its words or its custodians, and what only the root can do for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, Agencies
from tests.controls import without

from quietway.assembling import BESIDE
from quietway.client import AsyncClient
from quietway.errors import (
    ContentRefused,
    NotFound,
    OutpacedByColleague,
    RecoveryFileRefused,
    RelayRefused,
    RelayUnreachable,
    RootOffline,
    StoreExists,
    TooFewCustodians,
    WordsRefused,
)
from quietway.keyring.body import draw_secrets
from quietway.keyring.keyring import Keyring
from quietway.keyring.memory_vault import MemoryVault
from quietway.keyring.publish import approve, build_certificate, certify
from quietway.membership import with_device
from quietway.recovery import make_custodian
from quietway.recovery_file import RecoveryFile
from quietway.rooted import (
    add_ops_holder,
    draw_ops_key,
    list_ops,
    name_custodians,
    recovery_sheet,
    recovery_words,
    remove_ops_holder,
    take_root_offline,
)
from quietway.testing.sandbox import FAST, RELAY_URL
from quietway_crypto.encoding import encode_base64
from quietway_crypto.signing import SigningKey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from quietway.agent import Agent
    from quietway.ports import Relay
    from quietway.recovery import Custodian
    from quietway_schemas.directory import SignedObject
    from quietway_schemas.ids import AgencyId, DeviceId

NEW_PASSPHRASE = "another good passphrase of theirs"


async def recover(agencies: Agencies, name: str = "new", **asked: object) -> AsyncClient:
    fields: dict[str, object] = {
        "passphrase": NEW_PASSPHRASE,
        "relay": RELAY_URL,
        "program": SHELTER,
        "parameters": FAST,
        "relay_port": agencies.relay.connect,
        "clock": agencies.clock,
        "entropy": agencies.entropy,
        **asked,
    }
    return await AsyncClient.recover_agency(agencies.folder / name, **fields)  # type: ignore[arg-type]  # of several types


def gather(agent: Agent, count: int, threshold: int) -> tuple[list[Custodian], RecoveryFile]:
    people = [make_custodian(agent.entropy) for _ in range(count)]
    file = name_custodians(agent, [person.key for person in people], threshold)
    return people, RecoveryFile.from_bytes(file.to_bytes())


def certified(client: AsyncClient) -> set[DeviceId]:
    agent = client._agent
    return {held.device for held in agent.directory.devices_of(agent.keyring.agency)}


async def add_device(client: AsyncClient) -> Keyring:
    """Certify a second device, with the approval of the ops key that is here."""
    agent = client._agent
    held = agent.publisher.own_manifest
    ops = agent.keyring.ops
    assert held is not None
    assert ops is not None
    other = Keyring(
        MemoryVault(),
        replace(
            draw_secrets(agent.keyring.founding, entropy=agent.entropy),
            agency=agent.keyring.agency,
            root_key=agent.keyring.root_key,
            root_seed=None,
        ),
    )
    now = agent.clock.now()
    payload = build_certificate(other, agency_owned=False, now=now)
    device = certify(payload, [approve(payload, ops)])
    await agent.publisher.publish_manifest(with_device(held, device, ops=ops, now=now))
    return other


@pytest.mark.requirement("D02")
async def test_an_agency_comes_back_by_its_own_words(agencies: Agencies) -> None:
    """D02: what holds an agency's keys is lost, and the agency comes back from paper."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sheet = recovery_sheet(shelter._agent)
    lost, fingerprint = shelter.device_id, shelter.fingerprint
    await shelter.aclose()
    agencies.clock.advance(60)

    numbered = [line for line in sheet.to_text().splitlines() if line[:2].strip().isdigit()]
    back = await recover(agencies, words="\n".join(numbered), agency_id=str(sheet.agency_id))
    async with back:
        assert back.fingerprint == fingerprint
        assert back.device_id != lost
        assert certified(back) == {back.device_id}
        assert back._agent.directory.standing(back.agency_id, lost).name == "revoked"
        assert back._agent.keyring.root is None
        # Partners see the same root key: nothing is compared anew, and mail goes both ways.
        report = await hospital.sync()
        assert report.problems == ()
        assert {held.device for held in hospital._agent.directory.devices_of(back.agency_id)} == {
            back.device_id
        }
        await hospital.partners.add(await back.partners.invite("Mercy"))
        await back.partners.add(await hospital.partners.invite("Harbor"))
        await hospital.messages.send("Are you back?", to="HARBOR")
        await back.sync()
        assert len(await back.inbox()) == 1
    assert not (agencies.folder / "new" / BESIDE).exists()


async def test_the_lost_device_is_let_in_no_more(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    words = " ".join(recovery_words(shelter._agent))
    async with await recover(agencies, words=words, agency_id=shelter.agency_id):
        report = await shelter.sync()
        assert isinstance(report.problems[0], RelayRefused)
        assert report.problems[0].code == "not_authenticated"


@pytest.mark.requirement("D02")
async def test_an_agency_comes_back_by_its_custodians(agencies: Agencies) -> None:
    """D02: recovery shares inside the agency bring its keys back."""
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    people, file = gather(shelter._agent, 5, 3)
    await shelter.aclose()
    words = [" ".join(people[place].words) for place in (4, 0, 2)]
    with pytest.raises(TooFewCustodians):
        await recover(agencies, words=words[:2], file=file)
    assert not (agencies.folder / "new").exists()
    async with await recover(agencies, words=words, file=file) as back:
        assert certified(back) == {back.device_id}


async def test_devices_that_are_named_stay_and_the_others_are_revoked(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    staying, going = await add_device(shelter), await add_device(shelter)
    words = " ".join(recovery_words(shelter._agent))
    back = await recover(agencies, words=words, agency_id=shelter.agency_id, keep=[staying.device])
    async with back:
        assert certified(back) == {back.device_id, staying.device}
        await hospital.sync()
        known = hospital._agent.directory
        assert {held.device for held in known.devices_of(back.agency_id)} == certified(back)
        for gone in (shelter.device_id, going.device):
            assert known.standing(back.agency_id, gone).name == "revoked"


async def test_who_is_to_stay_must_be_one_of_the_agencys(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    words = " ".join(recovery_words(shelter._agent))
    with pytest.raises(ContentRefused, match="does not certify"):
        await recover(agencies, words=words, agency_id=shelter.agency_id, keep=[hospital.device_id])
    assert not (agencies.folder / "new" / "keyring").exists()


async def refuse_the_words_of_another_agency(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    theirs = " ".join(recovery_words(hospital._agent))
    with pytest.raises(WordsRefused, match="knows no such agency under the root key"):
        await recover(agencies, words=theirs, agency_id=shelter.agency_id)
    assert not (agencies.folder / "new").exists()


async def test_the_words_of_another_agency_bring_nothing_back(agencies: Agencies) -> None:
    await refuse_the_words_of_another_agency(agencies)


async def test_a_relay_that_lets_anybody_read_still_proves_nothing(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the relay's check the directory is read, and no manifest holds under that root."""
    without(monkeypatch, "quietway.testing.relay:InMemoryRelay.check_reader", lambda *_: None)
    with pytest.raises(NotFound):
        await refuse_the_words_of_another_agency(agencies)


async def test_what_is_missing_or_mistyped_is_told(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    words = " ".join(recovery_words(shelter._agent))
    people, file = gather(hospital._agent, 2, 2)
    theirs = [" ".join(person.words) for person in people]
    known: dict[str, object] = {"words": words, "agency_id": shelter.agency_id}
    attempts: list[tuple[dict[str, object], type[Exception], str]] = [
        ({"words": words}, ContentRefused, "stands on the sheet"),
        ({**known, "agency_id": "agy_nothing"}, ContentRefused, "agy_ and 26 more"),
        ({**known, "words": [words, words]}, WordsRefused, "own words alone"),
        ({**known, "words": "abandon " * 23}, WordsRefused, "There are 23 words"),
        ({**known, "program": "MERCY-DESK"}, ContentRefused, "agency's code, HARBOR"),
        ({"words": theirs, "file": file}, ContentRefused, "agency's code, MERCY"),
        ({**known, "passphrase": "short"}, Exception, "too short"),
    ]
    for asked, kind, sentence in attempts:
        with pytest.raises(kind, match=sentence):
            await recover(agencies, **asked)
        assert not (agencies.folder / "new").exists()
    renamed = file.model_copy(update={"agency_code": "HARBOR"})
    with pytest.raises(RecoveryFileRefused, match="other_agency"):
        await recover(agencies, words=theirs, file=renamed)


async def test_a_folder_with_a_device_in_it_is_not_touched(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    words = " ".join(recovery_words(shelter._agent))
    with pytest.raises(StoreExists):
        await recover(agencies, HOSPITAL, words=words, agency_id=shelter.agency_id)


class Interrupted:
    """A relay to which something happens around the publishing of a manifest."""

    def __init__(
        self,
        relay: Relay,
        *,
        before: Callable[[], Awaitable[object]] | None = None,
        losing: bool = False,
    ) -> None:
        self._relay = relay
        self._before = before
        self._losing = losing

    def __getattr__(self, name: str) -> object:
        return getattr(self._relay, name)

    async def put_manifest(self, agency: AgencyId, signed: SignedObject) -> None:
        if self._before is not None:
            await self._before()
        await self._relay.put_manifest(agency, signed)
        if self._losing:
            raise RelayUnreachable


async def test_where_the_answer_was_lost_recovering_is_begun_anew(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    known: dict[str, object] = {
        "words": " ".join(recovery_words(shelter._agent)),
        "agency_id": shelter.agency_id,
    }

    def lose(key: SigningKey, who: DeviceId | AgencyId) -> Interrupted:
        return Interrupted(agencies.relay.connect(key, who), losing=True)

    with pytest.raises(RelayUnreachable):
        await recover(agencies, **known, relay_port=lose)
    assert not (agencies.folder / "new" / "keyring").exists()
    async with await recover(agencies, **known) as back:
        assert certified(back) == {back.device_id}
        own = back._agent.publisher.own_manifest
        assert own is not None
        assert own.manifest.version == 3


async def test_who_changes_the_agency_meanwhile_is_not_run_over(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    words = " ".join(recovery_words(shelter._agent))

    def overtake(key: SigningKey, who: DeviceId | AgencyId) -> Interrupted:
        return Interrupted(agencies.relay.connect(key, who), before=lambda: add_device(shelter))

    with pytest.raises(OutpacedByColleague):
        await recover(agencies, words=words, agency_id=shelter.agency_id, relay_port=overtake)
    assert not (agencies.folder / "new" / "keyring").exists()


async def test_the_root_goes_offline_once_its_words_were_typed_from_the_sheet(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    agent = shelter._agent
    words = recovery_words(agent)
    mistyped = ["zoo" if words[0] != "zoo" else "abandon", *words[1:]]
    with pytest.raises(WordsRefused):
        take_root_offline(agent, " ".join(mistyped))
    assert agent.keyring.root is not None
    take_root_offline(agent, " ".join(words))
    assert agent.keyring.root is None
    for act in (recovery_words, recovery_sheet):
        with pytest.raises(RootOffline):
            act(agent)
    people = [make_custodian(agent.entropy).key for _ in range(2)]
    with pytest.raises(RootOffline):
        name_custodians(agent, people, 2)
    assert name_custodians(agent, people, 2, words=" ".join(words)).threshold == 2
    # It stays away, and the device goes on without it.
    await shelter.aclose()
    again = await agencies.reopen(SHELTER)
    assert again._agent.keyring.root is None
    assert (await again.sync()).problems == ()


async def test_an_ops_holder_is_added_and_taken_away_by_the_root(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    agent = shelter._agent
    other = SigningKey(bytes(range(32)))
    key = "quietway-ops:" + encode_base64(other.public)
    assert list(list_ops(agent)) == [draw_ops_key(agent)]
    words = " ".join(recovery_words(agent))
    take_root_offline(agent, words)
    with pytest.raises(RootOffline):
        await add_ops_holder(agent, key)
    assert await add_ops_holder(agent, key, approvals=2, words=words) == ()
    assert set(list_ops(agent)) == {key, draw_ops_key(agent)}
    held = agent.publisher.own_manifest
    assert held is not None
    assert (held.manifest.ops.version, held.manifest.ops.approvals) == (2, 2)
    assert await remove_ops_holder(agent, key, words=words) == ()
    assert list(list_ops(agent)) == [draw_ops_key(agent)]
    report = await hospital.sync()
    assert report.problems == ()
    assert hospital._agent.directory.manifest_version(shelter.agency_id) == 3


async def test_what_a_former_ops_key_vouched_for_the_root_vouches_for(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    agent = shelter._agent
    device = await add_device(shelter)
    former = draw_ops_key(agent)
    agent.keyring.keep_ops(None)
    own = draw_ops_key(agent)
    with pytest.raises(ContentRefused, match="without a say"):
        await remove_ops_holder(agent, former)
    await add_ops_holder(agent, own)
    assert await remove_ops_holder(agent, former) == (device.device,)
    assert list(list_ops(agent)) == [own]
    assert (await hospital.sync()).problems == ()
    known = hospital._agent.directory.devices_of(shelter.agency_id)
    assert {held.device for held in known} == {shelter.device_id, device.device}


@pytest.mark.parametrize(
    "key", ["", "quietway-ops:", "quietway-ops:AAAA", "quietway-custodian:" + "A" * 43]
)
async def test_what_is_no_ops_key_is_refused(key: str, agencies: Agencies) -> None:
    agent = (await agencies.found(SHELTER))._agent
    with pytest.raises(ContentRefused, match="no ops key"):
        await add_ops_holder(agent, key)


async def test_numbers_of_ops_holders_that_make_no_sense_are_refused(agencies: Agencies) -> None:
    agent = (await agencies.found(SHELTER))._agent
    key = "quietway-ops:" + encode_base64(SigningKey(bytes(range(32))).public)
    with pytest.raises(ContentRefused, match="approvals at most as many"):
        await add_ops_holder(agent, key, approvals=3)
    with pytest.raises(NotFound):
        await remove_ops_holder(agent, key)
