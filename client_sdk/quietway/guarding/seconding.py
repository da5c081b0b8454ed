"""The second person of an override: a colleague's device says that it may go.

Whoever asks tells the agency's other devices a keyed hash of the texts, the rules and the reason;
the texts stay where they are, and the two people speak. The answer is a message signed by the
colleague's device, and counts for that hash alone.

Rules: nobody confirms for themselves. What nobody answered is forgotten after an hour.

Spec: docs/spec/guard.md, "Overrides"; docs/spec/keys.md, "Messages within an agency".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.errors import NotFound
from quietway.guarding.overrides import OVERRIDE_CONFIRMED, OVERRIDE_LASTS_MS
from quietway.own.proposals import find_certificate
from quietway.own.taken import Taken
from quietway.own.telling import tell_own
from quietway.ports import Delete, Put
from quietway_schemas.content.access import MOST_RULES
from quietway_schemas.content.agency import AgencyOverrideConfirmation, AgencyOverrideRequest
from quietway_schemas.ids import DeviceId

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.guarding.overrides import Refused
    from quietway.own.taken import Told
    from quietway.ports import Row
    from quietway_schemas.instants import Instant

OVERRIDE_ASKED: Final = "override_asked"
"""What a colleague asks to be confirmed, by its digest."""


@dataclass(frozen=True, slots=True)
class OverrideRequest:
    """A colleague asks for a second person.

    Attributes:
        digest: What it is about: a keyed hash, of which nothing can be guessed.
        device: Which device asks.
        at: When, by its clock.
        kind: The content's type.
        rules: The rules that hold it.
        reason: A code of the list `guard_reason`.
    """

    digest: bytes
    device: DeviceId
    at: Instant
    kind: str
    rules: tuple[str, ...]
    reason: str


async def ask_second(agent: Agent, refused: Refused, reason: str) -> None:
    """Ask the agency's other devices for a second person."""
    content = AgencyOverrideRequest(
        digest=refused.digest,
        kind=refused.kind,
        rules=refused.decision.rules[:MOST_RULES],
        reason_code=reason,
    )
    await tell_own(agent, content)


async def list_requests(agent: Agent) -> list[OverrideRequest]:
    """List what colleagues ask to be confirmed, oldest first."""
    found = [_read(row) for row in await agent.store.scan(OVERRIDE_ASKED)]
    waiting = (held for held in found if _counts(agent, held.at))
    certified = (held for held in waiting if find_certificate(agent, held.device) is not None)
    return sorted(certified, key=lambda held: held.at)


async def confirm(agent: Agent, digest: bytes) -> None:
    """Say, as a second person, that what a colleague asks for may go.

    Raises:
        NotFound: Nobody asks for that now.
    """
    asked = next((held for held in await list_requests(agent) if held.digest == digest), None)
    if asked is None:
        raise NotFound("That request for a second person", "client.guard.requests")
    content = AgencyOverrideConfirmation(digest=digest)
    await tell_own(
        agent, content, devices=(asked.device,), also=[Delete(OVERRIDE_ASKED, asked.digest)]
    )


async def take_request(agent: Agent, told: Told) -> Taken:
    """Keep a colleague's request, and drop those that are over."""
    content = told.content
    if not isinstance(content, AgencyOverrideRequest):
        return Taken()
    row = write_row(
        device=str(told.device),
        at=told.at,
        kind=content.kind,
        rules=list(content.rules),
        reason=content.reason_code,
    )
    return Taken(
        (*await _drop_old(agent, OVERRIDE_ASKED), Put(OVERRIDE_ASKED, content.digest, row))
    )


async def take_confirmation(agent: Agent, told: Told) -> Taken:
    """Keep a colleague's word about an override that was begun here, and about no other."""
    content = told.content
    if not isinstance(content, AgencyOverrideConfirmation):
        return Taken()
    begun = agent.guarding.find_begun(content.digest)
    if begun is None:
        return Taken()
    row = write_row(device=str(told.device), at=told.at, begun=begun.begun)
    return Taken(
        (*await _drop_old(agent, OVERRIDE_CONFIRMED), Put(OVERRIDE_CONFIRMED, content.digest, row))
    )


async def _drop_old(agent: Agent, kind: str) -> list[Delete]:
    return [
        Delete(kind, row.key)
        for row in await agent.store.scan(kind)
        if not _counts(agent, Fields(row.value).number("at"))
    ]


TAKERS: Final = {
    "agency.override_confirmation": take_confirmation,
    "agency.override_request": take_request,
}
"""What takes in each type of the second person's."""


def _counts(agent: Agent, at: Instant) -> bool:
    return agent.clock.now() - at < OVERRIDE_LASTS_MS


def _read(row: Row) -> OverrideRequest:
    held = Fields(row.value)
    return OverrideRequest(
        digest=row.key,
        device=DeviceId.from_text(held.text("device")),
        at=held.number("at"),
        kind=held.text("kind"),
        rules=held.texts("rules"),
        reason=held.text("reason"),
    )
