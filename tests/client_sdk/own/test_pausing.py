"""Pausing a partner: at once, on every device, across crashes, and undone by nothing stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER
from tests.client_sdk.client.test_client import read_texts
from tests.client_sdk.own.linked import give_snapshot, link
from tests.client_sdk.own.linked import settle as settle_all
from tests.client_sdk.own.test_sharing import listen
from tests.controls import without

from quietway import (
    ContentRefused,
    NotTakenIn,
    PartnerEnded,
    PartnerPaused,
    PartnerStandingChanged,
    StorageFull,
)
from quietway.own.open_lanes import gather_lanes
from quietway.own.stances import take_standing
from quietway.partner_standing import may_be_theirs
from quietway.policy.absolute import Stance, Versions
from quietway_crypto.lanes import hash_capability
from quietway_schemas.content.agency import AgencyStanding
from quietway_schemas.instants import WEEK, iso_week

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient
    from quietway.agent import Agent
    from quietway.own.open_lanes import OpenLane
    from quietway.partner_standing import StandingVersion
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant


async def settle(agencies: Agencies, *clients: AsyncClient) -> None:
    """Let everything arrive, a moment later: what devices publish is numbered by the clock."""
    agencies.clock.advance(600)
    await settle_all(*clients)


async def stance_of(client: AsyncClient, name: str = "MERCY") -> str:
    return (await client.partners.find(name)).stance


async def waits(client: AsyncClient) -> list[str]:
    return [held.state for held in await client.outbox() if held.state != "stored_at_relay"]


async def test_a_pause_counts_at_once_takes_back_and_lets_nothing_out_or_in(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.messages.send("Before the pause.", to="MERCY")
    await hospital.messages.send("On its way.", to="HARBOR")
    report = await shelter.partners.pause("MERCY", "safety_concern")
    assert (report.stance, report.taken_back, report.fetched) == ("paused", 1, 0)
    assert (report.waiting, report.problem) == (1, None)
    with pytest.raises(PartnerPaused):
        await shelter.messages.send("Not any more.", to="MERCY")
    await shelter.sync()
    await hospital.sync()
    assert await read_texts(hospital) == []
    # What was on its way is shown; what they say now does not come in, and they are told to phone.
    assert await read_texts(shelter) == ["On its way."]
    sent = await hospital.messages.send("Anybody there?", to="HARBOR")
    assert sent.state == "not_taken"
    assert isinstance(sent.problem, NotTakenIn)
    assert "Phone" in str(sent.problem)
    await shelter.sync()
    assert await read_texts(shelter) == ["On its way."]


async def test_lanes_vanish_for_this_week_and_those_ahead_and_come_back(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    lanes = hospital._agent.lanes
    harbor = shelter.agency_id

    def opens(weeks: int) -> bool:
        then = agencies.clock.now() + weeks * WEEK
        held = agencies.relay.books
        return any(
            held.opens_lane(harbor, hash_capability(shown), now=then)
            for way in lanes.ways(harbor, then, urgent=False)
            for shown in way
        )

    assert [opens(weeks) for weeks in range(3)] == [True] * 3
    await shelter.partners.pause("MERCY")
    assert [opens(weeks) for weeks in range(3)] == [False] * 3, iso_week(agencies.clock.now())
    await shelter.partners.resume("MERCY")
    assert [opens(weeks) for weeks in range(3)] == [True] * 3


async def test_after_a_resume_what_waited_goes_out_once_in_both_directions(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.messages.send("Before the pause.", to="MERCY")
    await shelter.partners.pause("MERCY")
    await hospital.messages.send("Anybody there?", to="HARBOR")
    assert await waits(shelter) == ["paused"]
    report = await shelter.partners.resume("MERCY")
    assert (report.stance, report.waiting) == ("granted", 0)
    await settle(agencies, hospital, shelter, hospital)
    assert await read_texts(hospital) == ["Before the pause."]
    assert not any(held.gap for held in await hospital.inbox())
    assert await read_texts(shelter) == ["Anybody there?"]
    await shelter.messages.send("Good to hear you.", to="MERCY")


async def test_of_what_is_said_to_several_the_others_get_theirs(agencies: Agencies) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    await shelter.partners.pause("MERCY")
    sent = await shelter.messages.send("Bed four is free.", to=["MERCY", "CITYPD"])
    assert sent.state == "paused"
    assert isinstance(sent.problem, PartnerPaused)
    await settle(agencies, shelter, police, hospital)
    assert (await read_texts(police), await read_texts(hospital)) == (["Bed four is free."], [])
    await shelter.partners.resume("MERCY")
    await hospital.sync()
    assert await read_texts(hospital) == ["Bed four is free."]


async def test_a_colleagues_device_takes_back_what_it_sent_itself(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await give_snapshot(shelter, tablet)
    await tablet.messages.send("From the tablet.", to="MERCY")
    told = listen(tablet)
    await shelter.partners.pause("MERCY")
    await tablet.sync()
    assert [event.stance for event in told if isinstance(event, PartnerStandingChanged)] == [
        "paused"
    ]
    with pytest.raises(PartnerPaused):
        await tablet.messages.send("Not any more.", to="MERCY")
    await hospital.sync()
    assert await read_texts(hospital) == []
    # Whoever comes to the agency later knows it too.
    phone = await link(agencies, shelter, "phone")
    assert await stance_of(phone) == "paused"
    await phone.partners.resume("MERCY")
    await settle(agencies, shelter, tablet, hospital)
    assert await stance_of(tablet) == await stance_of(shelter) == "granted"
    assert await read_texts(hospital) == ["From the tablet."]


async def test_an_end_is_undone_by_who_says_so_and_by_no_pause_or_resume_beside_it(
    agencies: Agencies,
) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await shelter.partners.pause("MERCY")
    await settle(agencies, tablet)
    # Neither hears of the other: one ends it, the other resumes what it saw.
    await shelter.partners.end("MERCY")
    await tablet.partners.resume("MERCY")
    await settle(agencies, shelter, tablet)
    assert await stance_of(shelter) == await stance_of(tablet) == "ended"
    await tablet.partners.pause("MERCY")
    await settle(agencies, shelter, tablet)
    assert await stance_of(shelter) == await stance_of(tablet) == "ended"
    with pytest.raises(PartnerEnded):
        await shelter.partners.resume("MERCY")
    await shelter.partners.resume("MERCY", ended=True)
    await settle(agencies, shelter, tablet)
    assert await stance_of(shelter) == await stance_of(tablet) == "granted"


async def test_a_reason_that_is_not_of_the_list_is_refused(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    with pytest.raises(ContentRefused):
        await shelter.partners.pause("MERCY", "because")
    assert await stance_of(shelter) == "granted"


async def _replay_a_grant(shelter: AsyncClient, hospital: AsyncClient) -> str:
    """What the relay, or a device that was away, brings again after a pause."""
    mercy = hospital.agency_id
    grant = AgencyStanding(partner=mercy, stance="granted", nonce=bytes(16))
    await take_standing(shelter._agent, grant)
    await shelter.partners.pause("MERCY")
    beside = AgencyStanding(partner=mercy, stance="granted", nonce=b"written before the"[:16])
    for stale in (grant, beside, grant):
        await take_standing(shelter._agent, stale)
    return await stance_of(shelter)


@pytest.mark.requirement("A35")
async def test_an_old_grant_that_comes_after_a_pause_widens_nothing(agencies: Agencies) -> None:
    """A35: a permission that was taken away stays so, whatever stale grant comes again."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    assert await _replay_a_grant(shelter, hospital) == "paused"
    with pytest.raises(PartnerPaused):
        await shelter.messages.send("Bed four is free.", to="MERCY")


async def test_control_where_the_latest_arrival_wins_an_old_grant_lets_messages_out(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_latest(
        known: Versions[StandingVersion], *came: StandingVersion
    ) -> Versions[StandingVersion]:
        return Versions({came[-1].name: came[-1]}, known.named)

    without(monkeypatch, "quietway.own.stances:learn", take_latest)
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    assert await _replay_a_grant(shelter, hospital) == "granted"
    sent = await shelter.messages.send("Bed four is free.", to="MERCY")
    assert sent.state == "stored_at_relay"


async def test_control_without_asking_the_standing_a_paused_partner_gets_it_all(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.partner_standing:StandingBook.hindrance", lambda *_: "")
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.partners.pause("MERCY")
    await shelter.messages.send("Bed four is free.", to="MERCY")
    await hospital.sync()
    assert await read_texts(hospital) == ["Bed four is free."]


async def test_a_pause_without_the_network_is_carried_out_after_the_next_start(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.messages.send("Before the pause.", to="MERCY")
    agencies.relay.offline = True
    report = await shelter.partners.pause("MERCY")
    assert (report.stance, report.taken_back) == ("paused", 0)
    assert report.problem is not None
    await shelter.aclose()
    agencies.relay.offline = False
    shelter = await agencies.reopen(SHELTER)
    with pytest.raises(PartnerPaused):
        await shelter.messages.send("Not any more.", to="MERCY")
    for _ in range(2):
        await shelter.sync()
    await hospital.sync()
    assert await read_texts(hospital) == []
    assert (await hospital.messages.send("Anybody?", to="HARBOR")).state == "not_taken"
    await shelter.partners.resume("MERCY")
    await hospital.sync()
    assert await read_texts(hospital) == ["Before the pause."]


async def test_a_device_cut_off_while_it_learns_of_a_pause_goes_on_at_its_next_start(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut_off(*_: object) -> None:
        """The program ends here."""

    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await give_snapshot(shelter, tablet)
    await tablet.messages.send("From the tablet.", to="MERCY")
    await shelter.partners.pause("MERCY")
    with monkeypatch.context() as patched:
        without(patched, "quietway.own.stances:_carry_out", cut_off)
        await tablet.sync()
    await tablet.aclose()
    tablet = await agencies.reopen("tablet")
    await tablet.sync()
    await hospital.sync()
    assert await read_texts(hospital) == []


async def test_a_withdrawal_whose_answer_was_lost_loses_no_message(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.messages.send("Before the pause.", to="MERCY")
    agencies.relay.losing_answers = True
    await shelter.partners.pause("MERCY")
    agencies.relay.losing_answers = False
    await shelter.sync()
    assert await waits(shelter) == ["paused"]
    await hospital.sync()
    assert await read_texts(hospital) == []
    await shelter.partners.resume("MERCY")
    await hospital.sync()
    assert await read_texts(hospital) == ["Before the pause."]


async def test_what_was_sealed_without_an_answer_is_not_lost_either(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    agencies.relay.losing_answers = True
    await shelter.messages.send("Before the pause.", to="MERCY")
    agencies.relay.losing_answers = False
    assert (await shelter.partners.pause("MERCY")).taken_back == 1
    await hospital.sync()
    assert await read_texts(hospital) == []
    # Sealed anew: the relay knows the former bytes, and would store them no second time.
    await shelter.partners.resume("MERCY")
    await hospital.sync()
    assert await read_texts(hospital) == ["Before the pause."]


async def test_a_pause_that_finds_no_room_changes_nothing(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise StorageFull

    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    with monkeypatch.context() as patched:
        without(patched, "quietway.store.memory:MemoryStore.commit", full)
        with pytest.raises(StorageFull):
            await shelter.partners.pause("MERCY")
    assert shelter._agent.standings.stance(hospital.agency_id) is Stance.GRANTED
    await shelter.messages.send("Bed four is free.", to="MERCY")
    await hospital.sync()
    assert await read_texts(hospital) == ["Bed four is free."]


@pytest.mark.parametrize(
    ("label", "made", "theirs"),
    [
        ("MERCY", 99, True),
        ("CITYPD", 1, False),
        ("The clinic next door", 1, True),
        ("The clinic next door", 99, False),
    ],
)
def test_an_invitation_is_judged_by_what_it_was_called(label: str, made: int, theirs: bool) -> None:
    judged = may_be_theirs(label, made, shut_out=["MERCY"], others=["CITYPD"], at=50)
    assert judged is theirs
    assert not may_be_theirs(label, made, shut_out=[], others=["CITYPD"], at=50)


async def test_an_invitation_called_as_nobody_known_opens_no_lane_for_a_paused_partner(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found(SHELTER), await agencies.found(HOSPITAL)
    invitation = await shelter.partners.invite("The clinic by the river")
    await hospital.partners.add(invitation)
    await shelter.partners.add(await hospital.partners.invite(SHELTER))
    await settle(agencies, shelter, hospital)
    assert (await hospital.messages.send("One.", to="HARBOR")).state == "stored_at_relay"
    await shelter.partners.pause("MERCY")
    assert (await hospital.messages.send("Two.", to="HARBOR")).state == "not_taken"
    await shelter.partners.resume("MERCY")
    assert (await hospital.messages.send("Three.", to="HARBOR")).state == "stored_at_relay"


async def test_a_new_device_opens_no_lane_before_it_knows_who_is_paused(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it shut the others out meanwhile, because it does not know them yet."""
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    await shelter.partners.pause("MERCY")
    await settle(agencies, shelter)
    known: list[tuple[DeviceId, set[AgencyId], frozenset[AgencyId]]] = []

    async def watch(agent: Agent, *, now: Instant) -> tuple[OpenLane, ...]:
        shut_out = agent.standings.shut_out()
        known.append((agent.keyring.device, set(agent.lanes.partners), shut_out))
        return await gather_lanes(agent, now=now)

    without(monkeypatch, "quietway.own.lane_keeping:gather_lanes", watch)
    tablet = await link(agencies, shelter, "tablet")
    of_tablet = [held[1:] for held in known if held[0] == tablet.device_id]
    partners = {hospital.agency_id, police.agency_id}
    assert of_tablet
    assert all(held == (partners, frozenset({hospital.agency_id})) for held in of_tablet)


async def test_who_is_paused_is_told_a_device_before_who_the_partners_are(
    agencies: Agencies,
) -> None:
    """What is cut off after the first message leaves a device that sends to nobody it must not."""
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await shelter.partners.pause("MERCY")
    await settle(agencies, shelter, tablet)
    agencies.relay.offline = True
    agencies.clock.advance(120)
    await shelter.devices.share(tablet.device_id)
    outbox = shelter._agent.state.outbox.values()
    told = [held.kind for held in sorted(outbox, key=lambda held: held.order) if not held.settled]
    assert told[0] == "agency.standing"
    assert "agency.shared" in told[1:]
