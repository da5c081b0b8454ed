"""A lane for each device: granted by itself, taken away alone, and kept up by whoever runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER, invite
from tests.client_sdk.own.lane_world import DAYS, opens, secret_of
from tests.client_sdk.own.linked import give_snapshot, link, settle
from tests.controls import without

from quietway import ContentRefused, LaneAwaited, NotFound
from quietway.engine.codec import write_row
from quietway.lanes import GRANTED_LANE
from quietway.own.open_lanes import MOST_LANES, wanted_lanes
from quietway.own.telling import tell_own
from quietway.partners import INVITED
from quietway.ports import Put
from quietway_crypto.lanes import derive_lane
from quietway_schemas.content.lane import LaneGrant
from quietway_schemas.ids import DeviceId

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient


async def _send(sender: AsyncClient, to: str) -> str:
    sent = await sender.messages.send("Are you there?", to=to)
    return sent.state if sent.problem is None else type(sent.problem).__name__


async def _after_the_invitation(agencies: Agencies, *clients: AsyncClient) -> None:
    for _ in range(3):
        agencies.clock.advance(5 * DAYS)
        await settle(*clients)


async def test_each_partners_device_is_granted_a_lane_and_sends_when_the_invitation_is_over(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await settle(shelter, hospital)
    granted = hospital._agent.lanes.granted(shelter.agency_id)
    assert granted is not None
    assert granted.lane.reveal() == derive_lane(secret_of(shelter), hospital.device_id.value)
    (invited,) = await agencies.stores[SHELTER].scan(INVITED)
    assert opens(agencies, shelter, invited.key)
    await _after_the_invitation(agencies, shelter, hospital)
    assert not opens(agencies, shelter, invited.key)
    assert await _send(hospital, "HARBOR") == "stored_at_relay"
    assert await shelter.partners.invitations() == []
    # It is no message of anybody's.
    assert await hospital.inbox() == []
    assert [entry.kind for entry in await hospital.outbox()] == ["message.text"]


async def test_control_without_grants_a_partner_falls_silent_after_14_days_and_says_so(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def give_none(*_: object, **__: object) -> None:
        """Nobody gives lanes."""

    without(monkeypatch, "quietway.own.lane_keeping:grant_lanes", give_none)
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    assert await _send(hospital, "HARBOR") == "stored_at_relay"
    await _after_the_invitation(agencies, shelter, hospital)
    sent = await hospital.messages.send("Are you there?", to="HARBOR")
    assert isinstance(sent.problem, LaneAwaited)
    (waiting,) = [entry for entry in await hospital.outbox() if entry.reason]
    assert (waiting.reason, waiting.state) == ("lane_awaited", "sealed")
    # What is left to them is a new invitation.
    await invite(shelter, hospital)
    await settle(shelter, hospital)
    assert [entry.reason for entry in await hospital.outbox()] == ["", ""]


async def test_a_partners_new_device_gets_a_lane_without_anybodys_action(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await _after_the_invitation(agencies, shelter, hospital)
    tablet = await link(agencies, hospital, "tablet")
    await give_snapshot(hospital, tablet)
    assert await _send(tablet, "HARBOR") == "LaneAwaited"
    await settle(shelter, tablet)
    assert [entry.state for entry in await tablet.outbox()] == ["stored_at_relay"]
    assert await _send(tablet, "HARBOR") == "stored_at_relay"
    # The grant was sealed to the tablet alone, and lies in no other store.
    own = derive_lane(secret_of(shelter), tablet.device_id.value)
    held = {name: await agencies.stores[name].scan(GRANTED_LANE) for name in ("tablet", HOSPITAL)}
    assert [len(rows) for rows in held.values()] == [1, 1]
    assert hospital._agent.lanes.granted(shelter.agency_id) is not None
    assert tablet._agent.lanes.granted(shelter.agency_id).lane.reveal() == own  # type: ignore[union-attr] # it was granted


async def _revoke_partners_tablet(agencies: Agencies) -> tuple[AsyncClient, AsyncClient, DeviceId]:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, hospital, "tablet")
    await settle(shelter, hospital, tablet)
    assert opens(agencies, shelter, tablet.device_id)
    await hospital.devices.revoke(tablet.device_id)
    await settle(shelter, hospital)
    return shelter, hospital, tablet.device_id


async def test_with_the_next_upload_a_revoked_partner_device_opens_nothing_and_others_do(
    agencies: Agencies,
) -> None:
    shelter, hospital, gone = await _revoke_partners_tablet(agencies)
    for kind in ("normal", "crisis"):
        assert not opens(agencies, shelter, gone, kind=kind)
        assert opens(agencies, shelter, hospital.device_id, kind=kind)
    assert await _send(hospital, "HARBOR") == "stored_at_relay"


async def test_control_where_the_week_is_not_made_anew_a_revoked_device_goes_on_sending(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.own.lane_keeping:name_set", lambda *_: "always the same")
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, hospital, "tablet")
    monkeypatch.undo()
    await settle(shelter, hospital, tablet)
    assert opens(agencies, shelter, tablet.device_id)
    without(monkeypatch, "quietway.own.lane_keeping:name_set", lambda *_: "always the same")
    await shelter.sync()
    await hospital.devices.revoke(tablet.device_id)
    await settle(shelter)
    assert opens(agencies, shelter, tablet.device_id)


async def test_a_person_cuts_one_device_off_for_all_devices_of_the_agency_and_gives_it_back(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    desk = await link(agencies, shelter, "desk")
    tablet = await link(agencies, hospital, "tablet")
    await settle(shelter, desk, hospital, tablet)
    await shelter.partners.cut_off(str(tablet.device_id))
    # Also by the colleague's hand, which uploads the next weeks.
    for _ in range(2):
        assert not opens(agencies, shelter, tablet.device_id)
        assert opens(agencies, shelter, hospital.device_id)
        agencies.clock.advance(5 * DAYS)
        await settle(desk, hospital, tablet)
    listed = {held.device: held.cut_off for held in await desk.partners.devices("MERCY")}
    assert listed == {hospital.device_id: False, tablet.device_id: True}
    await desk.partners.restore(tablet.device_id)
    assert opens(agencies, shelter, tablet.device_id)
    with pytest.raises(NotFound):
        await desk.partners.restore(tablet.device_id)
    with pytest.raises(NotFound):
        await desk.partners.cut_off(DeviceId(b"nobody's device."))
    with pytest.raises(ContentRefused):
        await desk.partners.cut_off("the lost one")


async def test_an_invitation_is_withdrawn_and_whoever_copied_it_sends_nothing(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await settle(shelter, hospital)
    await shelter.partners.invite("Nobody yet")
    await shelter.partners.invite("Nobody yet")
    made = await shelter.partners.invitations()
    assert [held.label for held in made] == [HOSPITAL, "Nobody yet", "Nobody yet"]
    with pytest.raises(ContentRefused):
        await shelter.partners.withdraw_invitation("Nobody yet")
    for row in await agencies.stores[SHELTER].scan(INVITED):
        assert opens(agencies, shelter, row.key)
    await shelter.partners.withdraw_invitation(made[1].name)
    await shelter.partners.withdraw_invitation(HOSPITAL)
    first, second, third = await agencies.stores[SHELTER].scan(INVITED)
    assert [opens(agencies, shelter, row.key) for row in (first, second, third)] == [
        False,
        False,
        True,
    ]
    with pytest.raises(NotFound):
        await shelter.partners.withdraw_invitation(HOSPITAL)
    # Its partner has lanes of its own.
    assert await _send(hospital, "HARBOR") == "stored_at_relay"


async def test_either_device_uploads_the_weeks_while_the_other_rests(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    desk = await link(agencies, shelter, "desk")
    await settle(shelter, desk, hospital)
    for runs in (desk, desk, desk, shelter, shelter, shelter):
        agencies.clock.advance(7 * DAYS)
        await settle(runs)
        assert opens(agencies, shelter, hospital.device_id)


async def test_an_invitation_of_a_former_version_lives_for_14_days_from_the_upgrade(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    store = agencies.stores[SHELTER]
    (row,) = await store.scan(INVITED)
    await store.commit([Put(INVITED, row.key, write_row(label="Mercy", at=1))])
    await shelter.aclose()
    again = await agencies.reopen(SHELTER)
    await settle(again)
    assert opens(agencies, again, row.key)
    agencies.clock.advance(13 * DAYS)
    await settle(again, hospital)
    assert opens(agencies, again, row.key)
    agencies.clock.advance(1 * DAYS)
    await settle(again)
    assert not opens(agencies, again, row.key)


async def test_a_grant_of_ones_own_agency_is_refused(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    desk = await link(agencies, shelter, "desk")
    await tell_own(shelter._agent, LaneGrant(lane=bytes(32), since=1))
    await desk.sync()
    assert desk._agent.lanes.granted(shelter.agency_id) is None
    assert await agencies.stores["desk"].scan(GRANTED_LANE) == ()


async def test_which_lanes_are_open_is_one_pure_function(agencies: Agencies) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    agent, secret = shelter._agent, secret_of(shelter)

    def names(**changes: object) -> list[bytes]:
        asked = {
            "secret": secret,
            "agency": shelter.agency_id,
            "partners": (hospital.agency_id, police.agency_id),
            "directory": agent.directory,
        }
        return [lane.name for lane in wanted_lanes(**(asked | changes))]  # type: ignore[arg-type] # one of its parameters

    own, theirs, others = (b"d" + client.device_id.value for client in (shelter, hospital, police))
    assert names() == [own, *sorted((theirs, others))]
    assert names(paused=frozenset({police.agency_id})) == [own, theirs]
    assert names(cut=frozenset({hospital.device_id})) == [own, others]
    assert names(partners=(), invitations=(b"i" * 16,)) == [own, b"i" + b"i" * 16]
    kept = {hospital.device_id: secret, DeviceId(b"left the agency."): secret}
    assert names(kept=kept)[3:] == [b"o" + hospital.device_id.value]
    many = [number.to_bytes(16, "big") for number in range(2_000)]
    assert len(names(invitations=many)) == MOST_LANES


async def test_a_grant_is_renewed_so_that_a_mailbox_always_holds_one(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await settle(shelter, hospital)
    first = hospital._agent.lanes.granted(shelter.agency_id)
    await invite(shelter, hospital)
    for _ in range(4):
        agencies.clock.advance(6 * DAYS)
        await settle(shelter, hospital)
    later = hospital._agent.lanes.granted(shelter.agency_id)
    assert first is not None
    assert later is not None
    assert (later.lane, later.since) == (first.lane, first.since)
    assert later.created > first.created
