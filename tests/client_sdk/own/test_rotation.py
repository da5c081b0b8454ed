"""A new secret after an own device was revoked, whatever is cut off in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.own.lane_world import DAYS, opens, secret_of
from tests.client_sdk.own.linked import link, make_holder, settle
from tests.controls import without

from quietway.engine.inputs import Compose
from quietway.own.lane_rows import LANE_KEPT
from quietway.own.rotating import rotate_where_due
from quietway.own.standing import ROTATING, STANDING
from quietway.partners import INVITED
from quietway_schemas.content.lane import LaneGrant
from quietway_schemas.content.registry import encode_content, find_class
from quietway_schemas.ids import ConversationId
from quietway_schemas.instants import HOUR, LATEST_INSTANT, SECOND

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient
    from quietway_crypto.secret import Secret


class Shelter:
    """A shelter with two devices and a phone that gets lost, and a hospital."""

    def __init__(self, agencies: Agencies) -> None:
        self.agencies = agencies

    async def found(self) -> Shelter:
        self.first, self.hospital = await self.agencies.found_partners(SHELTER, HOSPITAL)
        self.desk = await link(self.agencies, self.first, "desk")
        self.phone = await link(self.agencies, self.first, "phone")
        await settle(self.first, self.desk, self.phone, self.hospital)
        self.old = secret_of(self.first)
        self.stale_invitation = (await self.agencies.stores[SHELTER].scan(INVITED))[0].key
        return self

    def what_the_thief_opens(self) -> set[str]:
        """Name what opens that is derived from the secret that the phone had."""
        lanes = {
            "its own": self.phone.device_id,
            "the first's": self.first.device_id,
            "the desk's": self.desk.device_id,
            "the invitation's": self.stale_invitation,
            "the partner's": self.hospital.device_id,
        }
        return {name for name, of in lanes.items() if self._opens(of, self.old)}

    def _opens(self, name: object, secret: Secret) -> bool:
        return opens(self.agencies, self.first, name, secret=secret)  # type: ignore[arg-type] # an id or its bytes


async def _sends(hospital: AsyncClient) -> bool:
    return (await hospital.messages.send("Are you there?", to="HARBOR")).problem is None


async def test_after_a_revocation_nothing_of_the_old_secret_opens_and_partners_go_on(
    agencies: Agencies,
) -> None:
    shelter = await Shelter(agencies).found()
    await shelter.first.devices.revoke(shelter.phone.device_id)
    # At once: what partners' devices had is open until they have the new one, and nothing else is.
    assert secret_of(shelter.first) != shelter.old
    assert shelter.what_the_thief_opens() <= {"the partner's"}
    await settle(shelter.first, shelter.desk, shelter.hospital)
    assert shelter.what_the_thief_opens() == set()
    assert secret_of(shelter.desk) == secret_of(shelter.first)
    assert opens(agencies, shelter.desk, shelter.desk.device_id)
    assert await _sends(shelter.hospital)
    # Long after the invitation: the lanes of the new secret were granted.
    for _ in range(4):
        agencies.clock.advance(5 * DAYS)
        await settle(shelter.first, shelter.desk, shelter.hospital)
    assert await _sends(shelter.hospital)


async def test_control_without_rotation_the_thief_opens_every_lane(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter = await Shelter(agencies).found()

    async def nothing_is_due(_: object) -> list[object]:
        return []

    for room in ("rotating", "lane_keeping"):
        without(monkeypatch, f"quietway.own.{room}:list_unanswered", nothing_is_due)
    await shelter.first.devices.revoke(shelter.phone.device_id)
    await settle(shelter.first, shelter.desk, shelter.hospital)
    assert shelter.what_the_thief_opens() == {
        "the first's",
        "the desk's",
        "the invitation's",
        "the partner's",
    }


async def test_a_partner_that_is_off_keeps_its_old_lane_for_seven_days(agencies: Agencies) -> None:
    shelter = await Shelter(agencies).found()
    # Nothing can be handed over to the hospital now, so the grant is not on the relay's disk.
    agencies.relay.books._lanes = {
        at: lanes
        for at, lanes in agencies.relay.books._lanes.items()
        if at[0] != shelter.hospital.agency_id
    }
    await shelter.first.devices.revoke(shelter.phone.device_id)
    await settle(shelter.first, shelter.desk)
    assert shelter.what_the_thief_opens() == {"the partner's"}
    assert len(await agencies.stores["desk"].scan(LANE_KEPT)) == 1
    agencies.clock.advance(6.9 * DAYS)
    await settle(shelter.first, shelter.desk)
    assert shelter.what_the_thief_opens() == {"the partner's"}
    agencies.clock.advance(0.2 * DAYS)
    await settle(shelter.first, shelter.desk)
    assert shelter.what_the_thief_opens() == set()
    assert await agencies.stores["desk"].scan(LANE_KEPT) == ()


async def test_a_retired_device_loses_its_lane_and_the_secret_stays(agencies: Agencies) -> None:
    shelter = await Shelter(agencies).found()
    await shelter.first.devices.retire(shelter.phone.device_id)
    await settle(shelter.first, shelter.desk)
    assert secret_of(shelter.first) == secret_of(shelter.desk) == shelter.old
    assert not opens(agencies, shelter.first, shelter.phone.device_id)
    assert opens(agencies, shelter.first, shelter.desk.device_id)
    # Who may be in other hands after all is revoked.
    await shelter.first.devices.revoke(shelter.phone.device_id)
    assert secret_of(shelter.first) != shelter.old


async def test_where_the_one_who_revoked_dies_another_device_draws_it_ten_minutes_later(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter = await Shelter(agencies).found()

    async def dies(_: object) -> None:
        """The machine is off a moment after the manifest was published."""

    with monkeypatch.context() as cut:
        without(cut, "quietway.agent:Agent.answer_revocation", dies)
        await shelter.first.devices.revoke(shelter.phone.device_id)
    await settle(shelter.desk, shelter.desk)
    assert secret_of(shelter.desk) == shelter.old
    agencies.clock.advance(601)
    await settle(shelter.desk, shelter.hospital, shelter.desk)
    assert secret_of(shelter.desk) != shelter.old
    assert shelter.what_the_thief_opens() == set()
    assert await _sends(shelter.hospital)
    # The first comes back, and goes by the secret that was drawn meanwhile.
    await settle(shelter.first, shelter.desk)
    assert secret_of(shelter.first) == secret_of(shelter.desk)
    assert opens(agencies, shelter.first, shelter.first.device_id)


@pytest.mark.parametrize("step", ["keyring", "row", "upload", "grants"])
async def test_a_rotation_that_is_cut_off_is_gone_on_with(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    shelter = await Shelter(agencies).found()
    defences = {
        "keyring": "quietway.own.rotating:go_on_rotating",
        "row": "quietway.keyring.keyring:Keyring.take_agency_secret",
        "upload": "quietway.publishing:Publisher.publish_lanes",
        "grants": "quietway.own.lane_keeping:grant_lanes",
    }

    class PowerCut(Exception):
        """The machine is off."""

    took = type(shelter.first._agent.keyring).take_agency_secret

    def take_and_die(keyring: object, secret: bytes) -> None:
        took(keyring, secret)  # type: ignore[arg-type] # a keyring
        raise PowerCut

    async def dies(*_: object, **__: object) -> None:
        raise PowerCut

    calls = 0

    async def dies_afterwards(_: object) -> None:
        # It is asked first whether something was cut off before: nothing was.
        nonlocal calls
        calls += 1
        if calls > 1:
            raise PowerCut

    instead = {"keyring": dies_afterwards, "row": take_and_die}
    with monkeypatch.context() as cut:
        without(cut, defences[step], instead.get(step, dies))
        with pytest.raises(PowerCut):
            await shelter.first.devices.revoke(shelter.phone.device_id)
    await shelter.first.aclose()
    first = shelter.first = await agencies.reopen(SHELTER)
    assert await agencies.stores[SHELTER].read(STANDING, ROTATING) is None
    assert secret_of(first) != shelter.old
    await settle(first, shelter.desk, shelter.hospital)
    assert secret_of(first) == secret_of(shelter.desk)
    assert shelter.what_the_thief_opens() == set()
    assert await _sends(shelter.hospital)


async def test_of_two_that_rotate_at_once_all_take_one(agencies: Agencies) -> None:
    shelter = await Shelter(agencies).found()
    await make_holder(shelter.first, shelter.desk, approvals=1)
    agencies.relay.losing_answers = False
    drawn = []
    for revoker in (shelter.first, shelter.desk):
        if not drawn:
            await revoker.devices.revoke(shelter.phone.device_id)
        else:
            await revoker._agent.pull_directory()
            await rotate_where_due(revoker._agent, at_once=True)
        drawn.append(secret_of(revoker))
    assert drawn[0] != drawn[1]
    await settle(shelter.first, shelter.desk, shelter.hospital)
    assert secret_of(shelter.first) == secret_of(shelter.desk)
    assert secret_of(shelter.first).reveal() == max(held.reveal() for held in drawn)
    assert shelter.what_the_thief_opens() == set()
    assert await _sends(shelter.hospital)


async def poison(shelter: Shelter) -> None:
    """A thief tells the partner's device a lane that opens nothing, of a secret of a far time."""
    agent = shelter.phone._agent
    content = LaneGrant(lane=b"x" * 32, since=LATEST_INSTANT)
    await agent.settle(
        Compose(
            now=agent.clock.now(),
            local_id=b"p" * 16,
            conversation=ConversationId(b"p" * 16),
            to=(shelter.hospital.agency_id,),
            kind=content.type,
            class_=find_class(content),
            content=encode_content(content),
            devices=(shelter.hospital.device_id,),
        )
    )
    await shelter.phone.sync()
    await shelter.hospital.sync()
    held = shelter.hospital._agent.lanes.granted(shelter.first.agency_id)
    assert held is not None
    assert held.lane.reveal() == content.lane


async def revoke_and_wait(agencies: Agencies, shelter: Shelter) -> None:
    agencies.clock.advance(HOUR / SECOND)
    await shelter.first.devices.revoke(shelter.phone.device_id)
    for _ in range(4):
        await settle(shelter.first, shelter.desk, shelter.hospital)
        agencies.clock.advance(5 * DAYS)
    await settle(shelter.first, shelter.desk, shelter.hospital)


async def test_what_a_thief_told_of_a_lane_is_over_when_it_was_revoked(agencies: Agencies) -> None:
    shelter = await Shelter(agencies).found()
    await poison(shelter)
    await revoke_and_wait(agencies, shelter)
    assert await _sends(shelter.hospital)


async def test_control_where_any_time_counts_a_thief_silences_a_partner_for_good(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.own.granting:date_grant", lambda content, _: content.since)
    shelter = await Shelter(agencies).found()
    await poison(shelter)
    await revoke_and_wait(agencies, shelter)
    assert not await _sends(shelter.hospital)
