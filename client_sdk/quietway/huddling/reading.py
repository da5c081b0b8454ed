"""Reading events: what was said of one, folded.

Spec: docs/spec/crises.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import NotFound
from quietway.history import is_held_back, list_tagged
from quietway.huddling.plans import read_plan
from quietway.roles import keep_readable
from quietway.standing import OF_ANY_CRISIS, of_event
from quietway.views.crises import fold_crisis
from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_crypto.errors import EncodingError
from quietway_schemas.content.crisis import CrisisActivate

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.views.crises import Crisis

LISTED_BY: Final = "quietway crisis list"


async def read_crisis(agent: Agent, event_id: bytes | str) -> Crisis:
    """Read an event.

    Raises:
        NotFound: This store knows no such event.
    """
    crisis = await find_crisis(agent, read_event_id(event_id))
    if crisis is None:
        raise NotFound("An event by that id", LISTED_BY)
    return crisis


async def find_crisis(agent: Agent, event_id: bytes) -> Crisis | None:
    """Find an event; None where none is known here."""
    said = keep_readable(agent, await list_tagged(agent, of_event(event_id), held_back=True))
    plan = await read_plan(agent.store, event_id)
    return fold_crisis(
        said,
        mine=agent.keyring.agency,
        me=agent.keyring.device,
        now=agent.clock.now(),
        hidden=frozenset(held.key for held in said if is_held_back(agent, held)),
        steps=() if plan is None else plan.steps,
    )


async def list_crises(agent: Agent) -> list[Crisis]:
    """List the events that are known here, drills among them, the newest last."""
    said = await list_tagged(agent, OF_ANY_CRISIS)
    named = {
        held.content.event_id: None for held in said if isinstance(held.content, CrisisActivate)
    }
    found = [await find_crisis(agent, event_id) for event_id in named]
    return sorted(
        (held for held in found if held is not None),
        key=lambda held: (held.opened_at, held.event_id),
    )


def read_event_id(event_id: bytes | str) -> bytes:
    """Read an event's id, as bytes or as text.

    Raises:
        NotFound: It is none.
    """
    if isinstance(event_id, bytes):
        return event_id
    try:
        return decode_base64(event_id)
    except EncodingError:
        raise NotFound("An event by that id", LISTED_BY) from None


def show_event_id(event_id: bytes) -> str:
    """Show an event's id as text, as `read_event_id` reads it."""
    return encode_base64(event_id)
