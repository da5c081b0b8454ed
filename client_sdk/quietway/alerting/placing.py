"""Handing ladders and claims to the relay, and what its answers mean.

A ladder that is there already counts as accepted, whatever copies it has: they are of the same
core. Who stands on it is not known then, so each copy goes the ordinary way as well, when its tier
is called: of the same bytes the relay takes no second one. What the relay answers to a claim means
nothing: the claim is true because it is signed, and goes the ordinary way all the same.

Spec: docs/spec/alerts.md, "Sending" and "Claiming".
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from quietway.engine.inputs import Accepted, Rejected
from quietway.engine.outbox import LANE_AWAITED
from quietway.errors import LaneAwaited, OverQuota, RelayRefused
from quietway.lanes import NOT_FOUND, go_by
from quietway_schemas.envelope import unpack_records
from quietway_schemas.holds import Claim, Ladder, Place, Tier
from quietway_schemas.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway.agent import Agent
    from quietway.engine.effects import ClaimHold, PlaceHold
    from quietway.engine.inputs import Parcel

CONFLICT: Final = "conflict"


async def place_hold(agent: Agent, deed: PlaceHold) -> None:
    """Hand a ladder to the relay; whom the relay blames is left out, and the others are called.

    Raises:
        RelayUnreachable: Nothing is known of the outcome; the same bytes are handed over again.
    """
    if agent.standings.hindrance(deed.agency) or agent.is_stopped(deed.parcels[0].local_id):
        return
    try:
        ways = agent.lanes.ways(deed.agency, agent.clock.now(), urgent=True)
    except LaneAwaited:
        await agent.settle(Rejected(agent.clock.now(), deed.parcels, LANE_AWAITED))
        return
    while deed.tiers:
        try:
            await _go_by(agent, ways, deed)
        except RelayRefused as refusal:
            deed = await _take_refusal(agent, deed, refusal)
        else:
            await agent.settle(Accepted(agent.clock.now(), deed.parcels))
            return


async def _go_by(agent: Agent, ways: Sequence[Sequence[bytes]], deed: PlaceHold) -> None:
    ladder = make_ladder(deed)
    await go_by(ways, lambda lane: agent.relay.place_hold(lane, deed.hold_id, ladder))


async def show_claim(agent: Agent, deed: ClaimHold) -> None:
    """Show the words of who has an alert, so that whoever is called later has them first.

    Raises:
        RelayUnreachable: Nothing is known of the outcome; it is shown again the next time.
    """
    records = tuple(unpack_records(parcel.record)[0] for parcel in deed.parcels)
    with suppress(RelayRefused):
        await agent.relay.claim_hold(deed.shown.hold_id, Claim(deed.shown.secret, records))


def make_ladder(deed: PlaceHold) -> Ladder:
    """Make the ladder that the relay takes."""
    return Ladder(
        tuple(
            Tier(
                due,
                tuple(
                    Place(cancel_hash, unpack_records(parcel.record)[0])
                    for parcel, cancel_hash in places
                ),
            )
            for due, places in deed.tiers
        )
    )


async def _take_refusal(agent: Agent, deed: PlaceHold, refusal: RelayRefused) -> PlaceHold:
    """Note a refusal; gives what is left to hand over."""
    now, parcels = agent.clock.now(), deed.parcels
    if refusal.code == CONFLICT and refusal.index is None:
        # It was accepted before the keys of that time were over, or before more could be sealed to;
        # its answer got lost.
        await agent.settle(Accepted(now, parcels, in_part=True))
        return deed.without(parcels)
    no_lane = refusal.code == NOT_FOUND and agent.lanes.granted(deed.agency) is None
    code = LANE_AWAITED if no_lane and refusal.index is None else refusal.code
    left_out = _find_blamed(parcels, refusal)
    wait = SECOND * (refusal.retry_after or 0)
    await agent.settle(Rejected(now, left_out, code, None, wait))
    return deed.without(left_out)


def _find_blamed(parcels: tuple[Parcel, ...], refusal: RelayRefused) -> tuple[Parcel, ...]:
    if refusal.index is None:
        return parcels
    if isinstance(refusal, OverQuota):
        return parcels[refusal.index :]
    return (parcels[refusal.index],)
