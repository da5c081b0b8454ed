"""Paging: what a device does with an alert that has come, and with what is said of one. Once each.

An alert pages this device's human as it is taken in, unless somebody's claim is here that counts:
what stands before it in the mailbox convinced this device. Over an agency's budget it waits for the
digest; it is listed and claimed like any other all the same. A page is a row of the commit that
takes the alert in, and goes once a program was told: no crash loses it, nor that nobody listens.

Spec: docs/spec/alerts.md, "Budgets".
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from quietway.alerting.budget import Budget
from quietway.alerting.listing import find_whatever
from quietway.engine.codec import Fields, write_row
from quietway.errors import StorageFull
from quietway.events import AlertClaimed, AlertRaised, AlertReleased, AlertsDigested
from quietway.own.taken import Taken
from quietway.ports import Delete, Put
from quietway.tally import Tally
from quietway_schemas.content import alert
from quietway_schemas.ids import AgencyId

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.errors import QuietwayError
    from quietway.own.taken import Taker, Told

BUDGET: Final = "alert_budget"
"""What each agency's alerts have used here, real ones and drills apart."""
PAGE: Final = "alert_page"
"""The alerts that page this device's human, until a program was told."""
_ID_BYTES: Final = 16


async def take_alert(agent: Agent, told: Told) -> Taken:
    """Page this device's human for an alert, or let it wait for the digest."""
    content = told.content
    if not isinstance(content, alert.AlertMinimal):
        return Taken()
    found = await find_whatever(agent, content.alert_id, exercise=content.exercise)
    if found is None or found.round != content.round or not found.is_open:
        # Somebody has it, a later round is here, or it is not for whoever sent it to begin one.
        return Taken()
    key = told.agency.value + bytes([content.exercise])
    former = read_budget(await agent.store.read(BUDGET, key))
    budget, paging = former.spend(agent.clock.now())
    if paging == "page":
        page = Put(PAGE, content.alert_id + key[_ID_BYTES:], write_row(agency=str(told.agency)))
        return Taken((write_budget(key, budget), page), after=(partial(_page_now, agent),))
    if paging == "digest" and not is_heard(agent):
        budget = replace(former, pages=budget.pages, waiting=former.waiting + 1)
        return Taken((write_budget(key, budget),))
    digest = (_make_digest(key, former.waiting + 1),) if paging == "digest" else ()
    return Taken((write_budget(key, budget),), events=digest)


async def take_claim(agent: Agent, told: Told) -> Taken:
    """Tell that somebody has an alert, where their word counts."""
    content = told.content
    if not isinstance(content, alert.AlertClaimed):
        return Taken()
    found = await find_whatever(agent, content.alert_id, exercise=content.exercise)
    claims = () if found is None else found.claims
    if not any(held.device == told.device for held in claims):
        return Taken()
    event = AlertClaimed(content.alert_id, told.agency, told.device, content.exercise)
    return Taken(events=(event,))


async def take_release(agent: Agent, told: Told) -> Taken:
    """Tell that an alert climbs again, where that word counts."""
    content = told.content
    if not isinstance(content, alert.AlertReleased | alert.AlertHandedOff):
        return Taken()
    found = await find_whatever(agent, content.alert_id, exercise=content.exercise, held_back=False)
    if found is None or found.round <= content.round:
        return Taken()
    return Taken(events=(AlertReleased(content.alert_id, content.exercise),))


TAKERS: Final[dict[str, Taker]] = {
    "alert.claimed": take_claim,
    "alert.handed_off": take_release,
    "alert.minimal": take_alert,
    "alert.released": take_release,
}
"""What acts on each type that is said of an alert."""


async def page_again(agent: Agent) -> list[QuietwayError]:
    """Page for what nobody heard of yet, as long as nobody has it; somebody has to be listening."""
    async with agent.taking_in:
        return await _tell_pages(agent)


async def _page_now(agent: Agent) -> None:
    await _tell_pages(agent)


async def _tell_pages(agent: Agent) -> list[QuietwayError]:
    if not is_heard(agent):
        return []
    for row in await agent.store.scan(PAGE):
        alert_id, exercise = row.key[:_ID_BYTES], bool(row.key[_ID_BYTES])
        found = await find_whatever(agent, alert_id, exercise=exercise)
        is_open = found is not None and found.is_open
        if is_open and not await find_whatever(agent, alert_id, exercise=exercise, held_back=False):
            # It is about a case that is paused: its page comes once that is shared again.
            continue
        if is_open:
            agency = AgencyId.from_text(Fields(row.value).text("agency"))
            agent.tell(AlertRaised(alert_id, agency, exercise))
        try:
            await agent.settle(also=[Delete(PAGE, row.key)])
        except StorageFull as problem:
            return [problem]
    return []


async def page_digests(agent: Agent) -> list[QuietwayError]:
    """Page for what waited long enough, once for each agency; somebody has to be listening."""
    if not is_heard(agent):
        return []
    for row in await agent.store.scan(BUDGET):
        budget = read_budget(row.value)
        if budget.is_digest_due(agent.clock.now()):
            paged, _ = budget.page_digest(agent.clock.now())
            try:
                await agent.settle(also=[write_budget(row.key, paged)])
            except StorageFull as problem:
                return [problem]
            agent.tell(_make_digest(row.key, budget.waiting))
    return []


def is_heard(agent: Agent) -> bool:
    """Say whether a program listens to events now."""
    return any(not isinstance(getattr(held, "__self__", None), Tally) for held in agent.listeners)


def read_budget(raw: bytes | None) -> Budget:
    """Read a budget's row; a whole budget where there is none."""
    held = Fields(raw or b"{}")
    return Budget(held.numbers("pages"), held.number("digest"), held.number("waiting"))


def write_budget(key: bytes, budget: Budget) -> Put:
    """Give a budget's row."""
    row = write_row(pages=list(budget.pages), digest=budget.digest_at, waiting=budget.waiting)
    return Put(BUDGET, key, row)


def _make_digest(key: bytes, alerts: int) -> AlertsDigested:
    agency, exercise = AgencyId(key[:_ID_BYTES]), bool(key[_ID_BYTES])
    return AlertsDigested(agency, alerts, exercise)
