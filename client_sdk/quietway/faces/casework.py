"""What the faces of cases share: reading a case, and saying something about it to each agency.

One content is never said about a case to two agencies: each gets a message of its own, under its
own alias, in the conversation of this case and that agency, with a nonce and names of its own.

Rules: everybody is asked first. Where people named whom to tell, and one of these may not be told,
nobody is; where nobody was named, those who may not be told are left out.

Spec: docs/spec/cases.md, "References".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from quietway.errors import (
    ContentRefused,
    NotFound,
    NotPermitted,
    PartnerPaused,
    RoleRefused,
)
from quietway.exercises import is_exercise, keep_live
from quietway.history import list_messages
from quietway.naming import find_alias, find_case_conversation
from quietway.roles import keep_readable, my_roles
from quietway.speaking import check_allowed, find_agencies, list_partners, speak
from quietway.views.cases import fold_case
from quietway.views.timeline import group_cases
from quietway.views.values import is_value, name_shown, place_of
from quietway_schemas.content.base import Absolute, CaseContent
from quietway_schemas.content.roles import CASEWORK, is_among
from quietway_schemas.errors import IdError
from quietway_schemas.ids import CaseRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from quietway.agent import Agent
    from quietway.records import StoredMessage
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.cases import CaseSummary
    from quietway_schemas.ids import AgencyId

ID_BYTES: Final = 16
LISTED_BY: Final = "quietway case list"
_Card = TypeVar("_Card")
_LEFT_OUT: Final = (ContentRefused, NotPermitted, PartnerPaused, RoleRefused)


async def read_case(agent: Agent, case: CaseRef | str) -> tuple[CaseRef, list[StoredMessage]]:
    """Read what was said about a case.

    Raises:
        NotFound: This store knows no such case.
    """
    ref = read_ref(case)
    readable = keep_readable(agent, await list_messages(agent, case=ref))
    messages = _keep_namespace(agent, ref, group_cases(readable).get(ref, []))
    if not messages and agent.cases.find(ref, agent.keyring.agency) is None:
        raise NotFound(f"The case {ref}", LISTED_BY)
    return ref, messages


def _keep_namespace(
    agent: Agent, case: CaseRef, messages: list[StoredMessage]
) -> list[StoredMessage]:
    """Keep a case and a drill apart: a case of which a drill alone speaks is the drill's."""
    live = keep_live(messages)
    if live or case in agent.cases.list_opened(agent.keyring.agency):
        return live
    return messages


def read_ref(case: CaseRef | str) -> CaseRef:
    """Read a case reference.

    Raises:
        NotFound: It is none.
    """
    if isinstance(case, CaseRef):
        return case
    try:
        return CaseRef.from_text(case)
    except IdError:
        raise NotFound("A case by that reference", LISTED_BY) from None


async def list_cards(
    agent: Agent, fold: Callable[[tuple[StoredMessage, ...]], _Card | None]
) -> dict[CaseRef, _Card]:
    """Fold what stands of each case; only what changed since is folded anew.

    Args:
        agent: Of this device.
        fold: Makes a card of what stands of one case, and none of what names no case. It asks for
            no time, and is the same each time.
    """
    if not is_among(my_roles(agent), CASEWORK):
        return {}
    cards = await agent.ledger.case_cards(fold)
    return {case: card for case, card in cards.items() if case is not None and card is not None}


def summarise(agent: Agent, case: CaseRef, messages: Iterable[StoredMessage]) -> CaseSummary:
    """Say what all that was said about a case comes to."""
    own = agent.keyring.agency
    opened_here = agent.cases.find(case, own) is not None
    return fold_case(case, messages, me=own, opened_here=opened_here)


async def find_told(
    agent: Agent,
    messages: Iterable[StoredMessage],
    content: CaseContent,
    to: Addressee | Iterable[Addressee] | None,
) -> tuple[AgencyId, ...]:
    """Find whom to tell: the agencies that were named, or all that the case is spoken of with.

    Raises:
        QuietwayError: As `speaking.speak`, of who was named; or nobody is left. Nothing was said.
    """
    if to is not None:
        agencies = tuple(sorted(set(find_agencies(agent, to))))
        for agency in agencies:
            await check_allowed(agent, content, (agency,))
        return agencies
    partners = {partner.agency_id for partner in list_partners(agent)}
    known = {agency for held in messages for agency in (held.agency, *held.to)}
    told: list[AgencyId] = []
    refused: list[Exception] = [ContentRefused("to", "is missing: the case is shared with nobody.")]
    for agency in sorted(known & partners):
        try:
            await check_allowed(agent, content, (agency,))
        except _LEFT_OUT as problem:
            refused.append(problem)
        else:
            told.append(agency)
    if not told:
        raise refused[-1]
    return tuple(told)


async def say_of_case(
    agent: Agent,
    case: CaseRef,
    content: CaseContent,
    *,
    to: Sequence[AgencyId],
    messages: Sequence[StoredMessage] = (),
    automatic: bool = False,
) -> Sent:
    """Say something about a case to each of several agencies, in a message of its own.

    Args:
        agent: Of this device.
        case: One's own reference.
        content: What, without alias, nonce and names: they are each agency's own.
        to: Whom.
        messages: What was said about the case, for the versions that a value supersedes.
        automatic: Whether a program says it by itself.

    Returns:
        What became of it; of several, of the copy that came least far.
    """
    said = [
        await speak(
            agent,
            await _make_copy(agent, case, content, agency, messages),
            to=[agency],
            conversation=await find_case_conversation(
                agent, case, agency, drill=is_exercise(content)
            ),
            automatic=automatic,
        )
        for agency in sorted(set(to))
    ]
    return next((sent for sent in said if sent.problem is not None), said[0])


async def _make_copy(
    agent: Agent,
    case: CaseRef,
    content: CaseContent,
    agency: AgencyId,
    messages: Sequence[StoredMessage],
) -> CaseContent:
    own: dict[str, object] = {"case_ref": await find_alias(agent, case, agency)}
    if isinstance(content, Absolute):
        own["nonce"] = agent.entropy.draw(ID_BYTES)
    if is_value(content):
        place = place_of(content, agent.keyring.agency, case)
        own["supersedes"] = name_shown(messages, place, (agency,))
    return content.model_copy(update=own)
