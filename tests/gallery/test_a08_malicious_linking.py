"""Row 8: somebody links a device of their own to an agency.

The attacker is the violent partner at a shared laptop, with the screen unlocked for half a minute;
or whoever gets a staff member to scan a code, over a line that the attacker reads and changes.
Defences: nothing begins without an ops holder's device and the passphrase typed again; the words
that both sides show are made of everything that was shown, at a cost for each try; where the agency
asks for two approvals every reader counts them; every device of the agency tells its user; and no
history comes with a device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL, Agencies
from tests.client_sdk.own.linked import NewDevice, link, make_holder, propose, settle
from tests.controls import without
from tests.gallery.saying import say_as_it_is

from quietway import (
    LinkRefused,
    NotYetApproved,
    OwnDevicesChanged,
    RelayRefused,
    WaitsForSecond,
    WrongPassphrase,
)
from quietway.keyring.publish import approve, certify
from quietway.linking import DeviceOffer, DeviceRequest, derive_words, write_certificate
from quietway.membership import with_device
from quietway.own.telling import tell_own
from quietway.own.within import take_in
from quietway.records import WITHIN
from quietway.testing.sandbox import PASSPHRASE
from quietway_crypto.passphrase import PassphraseParameters
from quietway_crypto.signing import SigningKey
from quietway_schemas.content.agency import AgencyProposal, AgencyShared, SharedRow
from quietway_schemas.content.registry import CONTENT_TYPES
from quietway_schemas.linking import LinkRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from quietway import AsyncClient

GUESS = "a guess at her passphrase"
CHEAP = PassphraseParameters(time_cost=1, memory_kib=8, parallelism=1)
ROOT = SigningKey(b"a root that the attacker drew...")


@pytest.fixture
async def agencies(tmp_path: Path) -> AsyncIterator[Agencies]:
    async with Agencies(tmp_path) as made:
        yield made


async def _link_by_script(agencies: Agencies, open_session: AsyncClient, name: str) -> bool:
    """Do all that a script can in front of an unlocked session; True where a device got in."""
    device = NewDevice(agencies, name)
    request = await device.ask()
    offered = await open_session.devices.offer(request, roles=["agency_lead"], passphrase=GUESS)
    await open_session.devices.confirm(request, offered.offer, passphrase=GUESS)
    joined = await device.join(offered.offer, await device.read(offered.offer))
    return joined.agency_id == open_session.agency_id


async def test_an_unlocked_session_without_the_passphrase_links_nothing(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    with pytest.raises(WrongPassphrase):
        await _link_by_script(agencies, shelter, "phone")
    with pytest.raises(WrongPassphrase):
        await shelter.agency.ask_for_ops_key(passphrase=GUESS)
    assert [held.this_one for held in await shelter.devices.list()] == [True]


async def test_control_without_the_passphrase_half_a_minute_at_the_screen_is_enough(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter = await agencies.found(SHELTER)
    without(
        monkeypatch,
        "quietway.keyring.keyring:Keyring.check_passphrase_again",
        lambda _self, _passphrase: None,
    )
    assert await _link_by_script(agencies, shelter, "phone")


async def _publish_with_one_approval(agencies: Agencies, shelter: AsyncClient) -> NewDevice:
    """Be an ops holder whose device is in other hands: skip the second holder, publish at once."""
    device = NewDevice(agencies, "phone")
    request, offered = await propose(device, shelter)
    agent = shelter._agent
    own, ops = agent.publisher.own_manifest, agent.keyring.ops
    assert own is not None
    assert ops is not None
    now = agent.clock.now()
    certificate = write_certificate(request, offered.offer, now=now)
    certified = certify(certificate, [approve(certificate, ops)])
    await agent.publisher.publish_manifest(with_device(own, certified, ops=ops, now=now))
    await device.join(offered.offer, offered.words)
    return device


async def test_one_approval_is_not_enough_where_two_are_asked(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    await make_holder(shelter, tablet)
    with pytest.raises(RelayRefused, match="refused_signature"):
        await _publish_with_one_approval(agencies, shelter)
    assert len(await tablet.devices.list()) == 2


async def test_control_without_counting_approvals_one_stolen_holder_lets_anybody_in(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    await make_holder(shelter, tablet)
    without(monkeypatch, "quietway_protocol.manifests:counts", lambda *_: True)
    await _publish_with_one_approval(agencies, shelter)
    await tablet.sync()
    assert len(await tablet.devices.list()) == 3


async def test_every_device_of_the_agency_tells_its_user_of_a_new_one(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    told: dict[str, list[OwnDevicesChanged]] = {"shelter": [], "tablet": []}
    for name, client in (("shelter", shelter), ("tablet", tablet)):
        client._agent.listeners.append(
            lambda event, name=name: (
                told[name].append(event) if isinstance(event, OwnDevicesChanged) else None
            )
        )
    phone = await link(agencies, shelter, "phone")
    await settle(tablet)
    for events in told.values():
        assert [event.added for event in events] == [(phone.device_id,)]


async def test_no_history_comes_with_a_device(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await hospital.referrals.send("HARBOR", **WHOLE_REFERRAL)
    await settle(shelter)
    phone = await link(agencies, shelter, "phone")
    assert await phone.inbox() == await phone.referrals.list() == []


class Middle:
    """Whoever stands between the two screens, and shows each what it likes."""

    def __init__(self, agencies: Agencies) -> None:
        self.device = NewDevice(agencies, "attacker")

    async def swap_request(self) -> DeviceRequest:
        """Show the ops holder a device of one's own in place of the new one."""
        return await self.device.ask()

    def swap_offer(self, offer: DeviceOffer) -> DeviceOffer:
        """Show the new device another agency's root."""
        return DeviceOffer(offer.told.model_copy(update={"root_key": ROOT.public}))


async def _deceive(agencies: Agencies) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Swap request and offer on the way; returns what each side shows."""
    shelter, tablet = await agencies.found(SHELTER), NewDevice(agencies, "tablet")
    middle = Middle(agencies)
    await tablet.ask()
    offered = await shelter.devices.offer(
        await middle.swap_request(), roles=["shelter_staff"], passphrase=PASSPHRASE
    )
    return offered.words, await tablet.read(middle.swap_offer(offered.offer))


async def test_whoever_swaps_request_and_offer_gets_other_words(agencies: Agencies) -> None:
    at_the_holder, at_the_device = await _deceive(agencies)
    assert at_the_holder != at_the_device
    assert len(at_the_holder) == len(at_the_device) == 4


async def test_control_words_that_do_not_hang_on_both_are_the_same(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = lambda *_, **__: ("abandon",) * 4  # noqa: E731 - it stands in for one function
    for place in ("quietway.own.deciding", "quietway.joining"):
        without(monkeypatch, f"{place}:derive_words", same)
    at_the_holder, at_the_device = await _deceive(agencies)
    assert at_the_holder == at_the_device


async def test_the_words_hang_on_every_field_of_the_request(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    request, offered = await propose(NewDevice(agencies, "tablet"), shelter)
    for field in set(LinkRequest.model_fields) - {"version", "suites"}:
        value = getattr(request.told, field)
        raw = value if isinstance(value, bytes) else getattr(value, "value", None)
        other = not value if raw is None else type(value)(bytes([raw[0] ^ 1]) + raw[1:])
        changed = DeviceRequest(request.told.model_copy(update={field: other}))
        assert derive_words(changed, offered.offer, cost=CHEAP) != derive_words(
            request, offered.offer, cost=CHEAP
        )


async def test_words_that_were_not_compared_join_nothing(agencies: Agencies) -> None:
    shelter, tablet = await agencies.found(SHELTER), NewDevice(agencies, "tablet")
    request, offered = await propose(tablet, shelter)
    await shelter.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    forged = Middle(agencies).swap_offer(offered.offer)
    with pytest.raises(LinkRefused):
        await tablet.join(forged, offered.words)


async def test_a_root_that_did_not_sign_the_manifest_certifies_nobody(agencies: Agencies) -> None:
    shelter, tablet = await agencies.found(SHELTER), NewDevice(agencies, "tablet")
    request, offered = await propose(tablet, shelter)
    await shelter.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    forged = Middle(agencies).swap_offer(offered.offer)
    # Even where people compared nothing: the manifest is not under that root.
    with pytest.raises(NotYetApproved):
        await tablet.join(forged, await tablet.read(forged))


async def _propose_a_swapped_key(agencies: Agencies) -> tuple[AsyncClient, WaitsForSecond]:
    """Be the first holder, and propose keys that nobody compared under words that somebody did."""
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    await make_holder(shelter, tablet)
    request, offered = await propose(NewDevice(agencies, "phone"), shelter)
    swapped = await Middle(agencies).swap_request()
    agent = shelter._agent
    certificate = write_certificate(swapped, offered.offer, now=agent.clock.now())
    assert agent.keyring.ops is not None
    await tell_own(
        agent,
        AgencyProposal(
            certificate=certificate,
            approvals=(approve(certificate, agent.keyring.ops),),
            request=request.told.to_canonical(),
            offer=offered.offer.told.to_canonical(),
        ),
    )
    await tablet.sync()
    return tablet, WaitsForSecond(swapped.device, 1)


async def test_a_second_holder_is_not_shown_words_for_other_keys(agencies: Agencies) -> None:
    tablet, _ = await _propose_a_swapped_key(agencies)
    assert await tablet.devices.proposals() == []


async def test_control_without_the_comparison_the_words_vouch_for_the_attackers_key(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.own.proposals:check_certificate", lambda *_: None)
    tablet, swapped = await _propose_a_swapped_key(agencies)
    assert [held.device for held in await tablet.devices.proposals()] == [swapped.device]


async def _say_what_is_within(agencies: Agencies) -> AsyncClient:
    """Be a partner, and say what only an agency's own devices may say."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    row = SharedRow(kind="agency_secret", key=b"", value=b"s" * 32, at=1)
    await say_as_it_is(hospital, AgencyShared(rows=(row,)), to=shelter)
    await shelter.sync()
    await take_in(shelter._agent)
    return shelter


async def test_a_partner_does_not_speak_as_ones_own_device(agencies: Agencies) -> None:
    shelter = await _say_what_is_within(agencies)
    assert shelter._agent.keyring.agency_secret.reveal() != b"s" * 32
    assert await shelter._agent.store.scan(WITHIN) == ()
    assert CONTENT_TYPES["agency.shared"].within_agency


async def test_control_without_the_check_a_partner_replaces_the_agencys_secret(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.sealing:check_speaker", lambda *_: None)
    without(monkeypatch, "quietway.own.within:still_decides", lambda *_: True)
    shelter = await _say_what_is_within(agencies)
    assert shelter._agent.keyring.agency_secret.reveal() == b"s" * 32
