"""Asking: may this be said about this case to that agency? Asked of policy before it is written.

What is known is gathered here (the row of the case with the agency, the agreements, the roles
there), and the question is put to pure rules. Content that names no case is about the cases of
which its conversation speaks, and the strictest answer counts.

Rules: whoever asks holds `agent.consent_turn` until what was allowed is on the disk. Content that
stands on neither a release nor an agreement stays exactly as it is.

Spec: docs/spec/consent.md, "Asking".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway.consent.changing import Change, commit
from quietway.consent.disclosures import note_disclosure
from quietway.consent.questions import gather_ground, make_question
from quietway.consents import Consents, find_consents, mark_identified
from quietway.errors import ContentRefused, NotPermitted
from quietway.history import list_messages, list_tagged
from quietway.policy.categories import WORD_KINDS
from quietway.policy.rulings import rule
from quietway.standing import of_event
from quietway_schemas.content.attachment import AttachmentFile
from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.crisis import CrisisActivate
from quietway_schemas.content.status import StatusIndicator

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from quietway.agent import Agent
    from quietway.policy.question import Question
    from quietway.policy.rulings import Ruling
    from quietway.ports import Put
    from quietway.records import StoredMessage
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, CaseRef, ConversationId
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class Answer:
    """What policy says of one content for one agency.

    Attributes:
        ruling: The strictest of the rulings about its cases.
        content: What may be said: with what it stands on, where it stands on something.
        asked: Each case that it is about, with what was asked and answered.
    """

    ruling: Ruling
    content: ContentModel
    asked: tuple[tuple[CaseRef | None, Question, Ruling], ...]


async def ask(
    agent: Agent,
    content: ContentModel,
    agency: AgencyId,
    *,
    conversation: ConversationId | None = None,
    automatic: bool = False,
) -> Answer:
    """Ask whether something may be said to an agency, and on which ground.

    Raises:
        NotPermitted: It may not.
    """
    answer = await weigh(agent, content, agency, conversation=conversation, automatic=automatic)
    if not answer.ruling.allowed:
        raise NotPermitted(agent.directory.agency_code(agency) or str(agency), answer.ruling)
    return answer


async def weigh(
    agent: Agent,
    content: ContentModel,
    agency: AgencyId,
    *,
    conversation: ConversationId | None = None,
    automatic: bool = False,
) -> Answer:
    """Say what policy answers; refuses nothing by itself."""
    cases, from_there = await _find_cases(agent, content, agency, conversation)
    vouched = await agent.find_vouched(content, agency)
    asked = []
    for case in cases:
        known = Consents() if case is None else await find_consents(agent.store, case, agency)
        question = await make_question(
            agent,
            content,
            agency,
            case,
            to_source=from_there or (case is not None and agent.cases.find(case, agency) == case),
            automatic=automatic,
            vouched=vouched,
        )
        ground = gather_ground(agent, case, agency, known, vouched)
        asked.append((case, question, rule(question, ground)))
    ruling = next((held for _, _, held in asked if not held.allowed), asked[0][2])
    return Answer(ruling, fill(content, ruling), tuple(asked))


async def disclose(agent: Agent, answer: Answer, local_id: bytes) -> list[Put]:
    """Give the rows of what is disclosed; whoever is told who it is is remembered for good.

    Args:
        agent: Of this device.
        answer: By which it is allowed.
        local_id: Of the message that says it.
    """
    rows: list[Put] = []
    for case, question, ruling in answer.asked:
        if case is None or not question.case or question.kind in WORD_KINDS:
            continue
        rows += await note_disclosure(agent, case, question, ruling, local_id)
        known = await find_consents(agent.store, case, question.recipient)
        if ruling.identifying and not known.given.identified:
            # Before it is said, so that nothing cut off in between leaves it unknown.
            change = Change(case, question.recipient, known, mark_identified(known))
            await commit(agent, change, share=True)
    return rows


async def check_parties(
    agent: Agent,
    content: ContentModel,
    agencies: Collection[AgencyId],
    conversation: ConversationId | None,
) -> None:
    """Demand that nobody joins a conversation in which a case is spoken of with others.

    They would have its id in common, and could tell that they know one person.

    Raises:
        ContentRefused: Somebody would.
    """
    if conversation is None or not isinstance(content, CaseContent):
        return
    if isinstance(content, StatusIndicator) or is_shared(content):
        return
    if content.case_ref is not None and not isinstance(content, AttachmentFile):
        # That goes into the conversation of this case and this agency, which nobody else is in.
        return
    said = await _list_naming_cases(agent, conversation)
    talked = await agent.talked.find(agent.store, conversation)
    parties = {agency for held in said for agency in (held.agency, *held.to)}
    parties |= {agent.keyring.agency, *(held.agency for held in talked)}
    if (said or talked) and not parties.issuperset(agencies):
        raise ContentRefused(
            "to", "would join a conversation about a case that others are in: begin a new one."
        )


async def _list_naming_cases(agent: Agent, conversation: ConversationId) -> list[StoredMessage]:
    return [
        held
        for held in await list_messages(agent, conversation=conversation, held_back=True)
        if isinstance(held.content, CaseContent) and held.content.case_ref is not None
    ]


def is_shared(content: ContentModel) -> bool:
    """Say whether several agencies read a content in the same words: then it names no ground."""
    event = getattr(content, "event_id", None)
    return event is not None and getattr(content, "case_ref", None) is None


def find_end(answers: Iterable[Answer]) -> Instant | None:
    """Say until when what was allowed may go out; None where nothing ends it."""
    rulings = [ruling for answer in answers for _, _, ruling in answer.asked]
    return min((held.until for held in rulings if held.until is not None), default=None)


def fill(content: ContentModel, ruling: Ruling) -> ContentModel:
    """Write into a content what it stands on: a release, an agreement, and how long it is kept."""
    if not isinstance(content, CaseContent) or content.type in WORD_KINDS or is_shared(content):
        return content
    found = {
        "consent_id": ruling.consent_id,
        "agreement_id": ruling.agreement_id,
        "retain_days": ruling.retain_days if ruling.agreement_id is not None else None,
        "disclosure_basis": ruling.basis if ruling.consent_id is not None else None,
    }
    update = {name: value for name, value in found.items() if value is not None}
    return content.model_copy(update=update) if update else content


async def _find_cases(
    agent: Agent, content: ContentModel, agency: AgencyId, conversation: ConversationId | None
) -> tuple[tuple[CaseRef | None, ...], bool]:
    """Find the cases that a content is about, and whether they came from that agency."""
    if not isinstance(content, CaseContent):
        return (None,), False
    if content.case_ref is not None:
        return (agent.cases.own_case(content.case_ref, agency),), False
    if conversation is None or isinstance(content, StatusIndicator):
        return (None,), False
    said = await _list_naming_cases(agent, conversation)
    talked = await agent.talked.find(agent.store, conversation)
    cases = {held.content.case_ref for held in said if isinstance(held.content, CaseContent)}
    # What was said there may be gone from here: what it was about stays.
    cases |= {agent.cases.own_case(held.called, held.agency) for held in talked}
    cases = cases or await _list_activated(agent, content)
    found: tuple[CaseRef | None, ...] = tuple(sorted(case for case in cases if case is not None))
    theirs = bool(said) and said[0].received and said[0].agency == agency
    if not said and talked:
        theirs = talked[0].received and talked[0].agency == agency
    return found or (None,), theirs


async def _list_activated(agent: Agent, content: CaseContent) -> set[CaseRef | None]:
    """Find the case of an event that a colleague activated: whom they told may have come later."""
    event: bytes | None = getattr(content, "event_id", None)
    said = [] if event is None else await list_tagged(agent, of_event(event), held_back=True)
    return {held.content.case_ref for held in said if isinstance(held.content, CrisisActivate)}
