"""The controls of the tests of stops: each story with its defence off, and it goes the other way.

The stories are those of `test_stops`, told so that they end in what got out or shows.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.consent.worlds import CASE, WHOLE, list_kinds
from tests.client_sdk.own.linked import give_snapshot, link
from tests.client_sdk.own.linked import settle as settle_all
from tests.controls import without

from quietway import NotPermitted
from quietway.cases import write_alias
from quietway.content import CaseRef
from quietway.held_back import HeldBackBook
from quietway.policy.rulings import RULES, Ruling

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient
    from quietway.policy.question import Ground, Question

    Story = Callable[[Agencies], Awaitable[bool]]

CODE = "shelter_need_open"
OTHER = CaseRef(b"\x09" * 16)


async def settle(agencies: Agencies, *clients: AsyncClient) -> None:
    agencies.clock.advance(600)
    await settle_all(*clients)


async def _gets_out(client: AsyncClient, to: str = "MERCY", case: CaseRef = CASE) -> bool:
    try:
        await client.status.set(CODE, to=to, case_ref=case)
    except NotPermitted:
        return False
    return True


async def _begin(agencies: Agencies) -> tuple[AsyncClient, AsyncClient]:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, hospital)
    return shelter, hospital


async def a_colleague_goes_on(agencies: Agencies) -> bool:
    shelter, _ = await _begin(agencies)
    desk = await link(agencies, shelter, "desk")
    await give_snapshot(shelter, desk)
    await shelter.consent.pause(CASE)
    await desk.sync()
    return await _gets_out(desk)


async def a_device_that_is_linked_later_goes_on(agencies: Agencies) -> bool:
    shelter, _ = await _begin(agencies)
    await shelter.consent.revoke(CASE)
    desk = await link(agencies, shelter, "desk")
    await give_snapshot(shelter, desk)
    return await _gets_out(desk)


async def the_case_goes_on_under_a_linked_name(agencies: Agencies) -> bool:
    shelter, hospital = await _begin(agencies)
    await shelter.consent.pause(CASE)
    await settle(agencies, shelter, hospital)
    ((called, _),) = hospital._agent.held_back.pairs
    agent = hospital._agent
    await agent.follow_link(called, OTHER, shelter.agency_id)
    await agent.settle(also=[write_alias(OTHER, shelter.agency_id, called)])
    agent.cases.add(OTHER, shelter.agency_id, called)
    return await _gets_out(hospital, "HARBOR", OTHER)


async def it_goes_on_while_the_relay_is_away(agencies: Agencies) -> bool:
    shelter, _ = await _begin(agencies)
    agencies.relay.offline = True
    await shelter.consent.pause(CASE)
    return await _gets_out(shelter)


async def it_shows_after_a_restart(agencies: Agencies) -> bool:
    shelter, hospital = await _begin(agencies)
    await shelter.consent.pause(CASE)
    await settle(agencies, shelter, hospital)
    assert await list_kinds(hospital) == []
    await hospital.aclose()
    return bool(await list_kinds(await agencies.reopen(HOSPITAL)))


async def a_file_on_its_way_is_said(agencies: Agencies) -> bool:
    shelter, hospital = await _begin(agencies)
    agencies.relay.offline = True
    await shelter.attachments.send(b"A form.", to="MERCY", name="f.txt", case_ref=CASE)
    await shelter.consent.pause(CASE)
    agencies.relay.offline = False
    await shelter.sync()
    await shelter.consent.resume(CASE, "MERCY")
    await settle(agencies, shelter, hospital)
    return "attachment.file" in await list_kinds(hospital)


async def a_message_crosses_the_pause(agencies: Agencies) -> bool:
    shelter, hospital = await _begin(agencies)

    async def begin_later(turns: int, what: Awaitable[object]) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await what

    # One before it, one at once, and one that certainly comes after it.
    said = (begin_later(turns, _gets_out(shelter)) for turns in (0, 2, 200))
    await asyncio.gather(*said, begin_later(2, shelter.consent.pause(CASE)))
    await settle(agencies, shelter, hospital)
    ((case, _),) = hospital._agent.held_back.pairs
    # The referral was there before.
    return (await hospital.consent.show(case)).partners[0].not_shown > 1


def _rule_without_stances(question: Question, ground: Ground) -> Ruling:
    """Ask all rules but P10 and P11."""
    for name, decide in RULES.items():
        ruling = None if name in {"P10", "P11"} else decide(question, ground)
        if ruling is not None:
            return ruling
    return Ruling(allowed=True, rule="P41")


RULE = "quietway.consent.asking:rule"
STORIES: list[tuple[Story, str, Callable[..., object]]] = [
    (a_colleague_goes_on, RULE, _rule_without_stances),
    (a_device_that_is_linked_later_goes_on, RULE, _rule_without_stances),
    (the_case_goes_on_under_a_linked_name, RULE, _rule_without_stances),
    (it_goes_on_while_the_relay_is_away, RULE, _rule_without_stances),
    (
        it_shows_after_a_restart,
        "quietway.held_back:HeldBackBook.restore",
        lambda *_: HeldBackBook(),
    ),
    (a_file_on_its_way_is_said, RULE, _rule_without_stances),
    (a_message_crosses_the_pause, RULE, _rule_without_stances),
]


@pytest.mark.parametrize(
    ("story", "defence", "replacement"), STORIES, ids=[held[0].__name__ for held in STORIES]
)
async def test_with_its_defence_off_each_story_goes_the_other_way(
    agencies: Agencies,
    monkeypatch: pytest.MonkeyPatch,
    story: Story,
    defence: str,
    replacement: Callable[..., object],
) -> None:
    without(monkeypatch, defence, replacement)
    assert await story(agencies)


@pytest.mark.parametrize("story", [held[0] for held in STORIES])
async def test_with_all_defences_it_does_not(agencies: Agencies, story: Story) -> None:
    assert not await story(agencies)
