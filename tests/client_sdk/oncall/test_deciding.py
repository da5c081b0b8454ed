"""Setting a rota, overriding, swapping: told to colleagues, published to partners, and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.oncall.office import LEADS, Office, hear
from tests.client_sdk.own.linked import link, settle
from tests.controls import without

from quietway import (
    AsyncClient,
    ContentRefused,
    DeadLettered,
    NotFound,
    OnCallGap,
    RoleRefused,
)
from quietway.covering import publishing
from quietway_schemas.content.base import ContentModel
from quietway_schemas.content.oncall import OnCallPublished
from quietway_schemas.instants import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from quietway import OnCall
    from quietway_schemas.ids import DeviceId


def who(shown: OnCall) -> list[list[DeviceId]]:
    return [[held.device for held in tier.devices] for tier in shown.tiers]


async def gaps_due(client: AsyncClient) -> list[tuple[str, str, int]]:
    lines = await client.due.list(mine=True)
    return [(line.kind, line.subject, line.at) for line in lines if line.source == "on_call"]


@pytest.mark.requirement("C48")
async def test_a_rota_is_known_to_colleagues_and_partners_and_turns_with_the_shift(
    office: Office,
) -> None:
    """C48: the lead is reached through an on-call schedule with primary and backup."""
    one, two = office.first.device_id, office.second.device_id
    assert (await office.hospital.oncall.of("HARBOR")).source == "roles"
    rota = office.rota((0, "Mon 09:00", "Mon 21:00"), (1, "Mon 21:00", "Mon 09:00"))
    assert await office.first.oncall.set_rota(rota) == ()
    await office.settle()
    assert await office.second.oncall.rotas() == [rota]
    for client in (office.first, office.second):
        assert who(await client.oncall.show())[:2] == [[one], [two]]
    seen = await office.hospital.oncall.of("HARBOR")
    assert (seen.source, who(seen)[:2]) == ("published", [[one], [two]])
    assert all(held.state is None for tier in seen.tiers for held in tier.devices)
    office.clock.advance(12 * 3_600)
    await office.settle()
    assert who(await office.hospital.oncall.of("HARBOR"))[:2] == [[two], [one]]
    assert who(await office.second.oncall.show())[:2] == [[two], [one]]


async def test_what_partners_hold_is_renewed_before_it_runs_out_and_when_it_changes(
    office: Office,
) -> None:
    await office.first.oncall.set_rota(office.rota())
    await office.settle()
    (first,) = office.hospital._agent.oncall.published.values()
    assert first.spans[-1].ends - first.issued == 14 * DAY
    await office.pass_time(3, office.first, office.second, office.hospital)
    assert list(office.hospital._agent.oncall.published.values()) == [first]
    office.clock.advance(7 * 86_400 + 60)
    await office.settle()
    (second,) = office.hospital._agent.oncall.published.values()
    assert second.spans[-1].ends > first.spans[-1].ends
    now = office.clock.now()
    await office.second.oncall.override("primary", office.second.device_id, now, now + HOUR)
    await office.settle()
    assert who(await office.hospital.oncall.of("HARBOR"))[0] == [office.second.device_id]
    office.clock.advance(3_601)
    assert who(await office.hospital.oncall.of("HARBOR"))[0] == [office.first.device_id]


async def test_partners_are_told_devices_and_times_and_not_who_else_is_told(office: Office) -> None:
    await office.first.oncall.set_rota(office.rota())
    await office.settle()
    (said,) = office.hospital._agent.oncall.published.values()
    assert said.spans
    assert set(OnCallPublished.model_fields) - set(ContentModel.model_fields) == {
        "issued",
        "devices",
        "crews",
        "spans",
    }
    audiences = office.hospital._agent.state.audiences.values()
    assert all(len(devices) <= 3 for devices in audiences)
    assert await office.hospital.inbox() == []


async def test_a_rota_with_a_gap_is_taken_and_its_gap_is_shouted_until_it_is_filled(
    office: Office,
) -> None:
    told = hear(office.second)
    gaps = await office.first.oncall.set_rota(office.rota((0, "Mon 00:00", "Sun 12:00")))
    assert [(gap.tier, gap.ends - gap.starts, gap.why) for gap in gaps[:2]] == [
        ("primary", 12 * HOUR, "nobody"),
        ("backup", 12 * HOUR, "nobody"),
    ]
    await office.settle()
    await office.pass_time(3, office.second)
    shouted = [event for event in told if isinstance(event, OnCallGap)]
    assert {(event.tier, event.starts) for event in shouted} == {
        (gap.tier, gap.starts) for gap in gaps
    }
    assert len(shouted) == len(gaps) == 4
    assert ("fill_gap", "primary", gaps[0].starts) in await gaps_due(office.first)
    finding = next(held for held in await office.first.doctor() if held.name == "on call")
    assert not finding.ok
    one = office.first.device_id
    for gap in {(held.starts, held.ends) for held in gaps}:
        await office.first.oncall.override("primary", one, *gap)
        await office.first.oncall.override("backup", office.second.device_id, *gap)
    assert await office.first.oncall.gaps() == ()
    assert await gaps_due(office.first) == []


async def test_a_revoked_device_on_call_is_a_gap_and_its_backup_is_reached(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.first.oncall.set_rota(office.rota((1, "Mon 00:00", "Mon 00:00")))
    await office.settle()
    two = office.second.device_id
    assert who(await office.hospital.oncall.of("HARBOR"))[0] == [two]
    await office.first.devices.revoke(two)
    await office.hospital.sync()
    assert who(await office.hospital.oncall.of("HARBOR"))[0] == [office.first.device_id]
    gaps = await office.first.oncall.gaps()
    assert [(gap.tier, gap.why, gap.devices) for gap in gaps] == [
        ("primary", "device_left", (two,))
    ]
    without(monkeypatch, "quietway.covering.judging:judge_device", lambda *_: None)
    assert await office.first.oncall.gaps() == ()
    without(monkeypatch, "quietway.oncall.reaching:keep", lambda tiers, _: tiers)
    assert who(await office.hospital.oncall.of("HARBOR"))[0] == [two]


async def test_a_swap_takes_both_people_and_a_lead_may_take_it_back(office: Office) -> None:
    await office.first.oncall.set_rota(office.rota())
    third = await link(office, office.first, "third", roles=LEADS)
    await settle(office.first, office.second, third)
    now, one = office.clock.now(), office.first.device_id
    back = (now + 2 * DAY, now + 3 * DAY)
    offer = await office.first.oncall.offer_swap(third.device_id, now, now + DAY, back=back)
    assert offer.state == "offered"
    await settle(office.first, office.second, third)
    # The new device was told of the rota, and knows who is on call.
    assert who(await third.oncall.show())[0] == [one]
    assert ("answer_swap", offer.change_id.hex(), now) in await gaps_due(third)
    with pytest.raises(ContentRefused):
        await office.second.oncall.accept_swap(offer.change_id)
    await third.oncall.accept_swap(offer.change_id)
    await settle(office.first, office.second, third)
    for client in (office.first, office.second, third):
        assert who(await client.oncall.show())[0] == [third.device_id]
    # A device that comes later is told what counts.
    told = office.second._agent.oncall.gather()[1:]
    assert [(held.said_at, held.back_starts) for held in told] == [(offer.said_at, back[0])]
    await office.second.oncall.withdraw(offer.change_id)
    await settle(office.first, office.second, third)
    for client in (office.first, office.second, third):
        assert who(await client.oncall.show())[0] == [one]
        assert [held.state for held in await client.oncall.changes()] == ["withdrawn"]
    with pytest.raises(NotFound):
        await third.oncall.accept_swap(offer.change_id)


async def test_two_leads_who_set_a_rota_at_once_lose_nobody_and_are_told(office: Office) -> None:
    third = await link(office, office.first, "third", roles=LEADS)
    everyone = (office.first, office.second, third)
    await settle(*everyone)
    mine = office.rota()
    other = type(mine)(
        "UTC", (type(mine.crews[0])(third.device_id, (office.second.device_id,)),), mine.shifts
    )
    await office.first.oncall.set_rota(mine)
    await office.second.oncall.set_rota(other)
    await settle(*everyone)
    shown = [await client.oncall.show() for client in everyone]
    assert all(held.is_crossed and who(held) == who(shown[0]) for held in shown)
    called = {device for tier in who(shown[0]) for device in tier}
    assert called == {client.device_id for client in everyone}
    assert any(kind == "join_rotas" for kind, _, _ in await gaps_due(third))
    await third.oncall.set_rota(mine)
    await settle(*everyone)
    assert not any([(await client.oncall.show()).is_crossed for client in everyone])


async def test_whoever_receives_no_alerts_decides_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = await link(office, office.first, "staff", roles=("shelter_staff",))
    rota = office.rota()
    with pytest.raises(RoleRefused):
        await staff.oncall.set_rota(rota)
    # A changed program that says it all the same is refused where it arrives.
    without(monkeypatch, "quietway.covering.deciding:may_decide", lambda _: True)
    await staff.oncall.set_rota(rota)
    await settle(staff)
    await office.first.sync()
    assert await office.first.oncall.rotas() == []
    without(monkeypatch, "quietway.sealing:check_speaker", lambda *_: None)
    other = office.rota((1, "Mon 00:00", "Mon 00:00"))
    await staff.oncall.set_rota(other)
    await office.first.sync()
    assert await office.first.oncall.rotas() == [other]


async def test_devices_that_can_not_stand_there_are_refused(office: Office) -> None:
    rota = office.rota()
    crew = type(rota.crews[0])(office.hospital.device_id, (office.first.device_id,))
    with pytest.raises(ContentRefused, match="none of this agency"):
        await office.first.oncall.set_rota(type(rota)("UTC", (crew,), rota.shifts))
    now = office.clock.now()
    with pytest.raises(ContentRefused, match="ends"):
        await office.first.oncall.override("primary", office.first.device_id, now, now - MINUTE)


async def test_what_a_partner_says_of_a_far_future_takes_no_place_for_ever(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.first.oncall.set_rota(office.rota())
    await office.settle()
    told = hear(office.hospital)
    ahead = office.clock.now() + 365 * DAY

    async def publish_ahead() -> None:
        agent = office.first._agent
        given = next(iter(agent.oncall.given.values()))
        content = OnCallPublished(issued=ahead, devices=given.content.devices)
        ((partner, devices),) = publishing._list_partners(agent)
        await publishing._tell(agent, partner, devices, content)
        await office.first.sync()
        await office.hospital.sync()

    await publish_ahead()
    assert any(isinstance(event, DeadLettered) for event in told)
    assert (await office.hospital.oncall.of("HARBOR")).source == "published"
    without(monkeypatch, "quietway.covering.taking:is_ahead", lambda *_: False)
    await publish_ahead()
    assert (await office.hospital.oncall.of("HARBOR")).source == "roles"


async def test_a_calendar_is_written_of_a_rota_alone(office: Office) -> None:
    with pytest.raises(ContentRefused):
        await office.first.oncall.calendar()
    await office.first.oncall.set_rota(office.rota(zone="America/Chicago"))
    text = await office.first.oncall.calendar(days=7)
    assert "On call\\, primary: HARBOR-SHELTER" in text.replace("\r\n ", "")
