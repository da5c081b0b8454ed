"""A store as a busy agency has it after a year: 10,000 cases, 200,000 messages, real record keys.

Every row is written through the agent's own commit, in large batches, so keys, shelves, tags and
chains are those of the product. What was received was never sealed: sealing it would take an hour
and leave the same rows. Each case has a referral with its answers, status indicators that replace
one another, and, where it is open, a few texts of the last month. A fifth of the cases is open.

Spec: docs/explanation/performance.md, "The archive".
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from quietway.engine import codec
from quietway.engine.conversations import chain_key, enter, find_chain
from quietway.engine.effects import RecordReceived
from quietway.records import write_record
from quietway.sealing import Opened, hash_core, name_message
from quietway_schemas.content.message import MessageText
from quietway_schemas.content.referral import Receiving, ReferralFeedback, ReferralPacket, Referring
from quietway_schemas.content.registry import encode_content, find_class
from quietway_schemas.content.status import StatusIndicator
from quietway_schemas.envelope import ZERO_DIGEST, Core, Header
from quietway_schemas.ids import (
    AgencyId,
    CaseRef,
    ConversationId,
    DeviceId,
    EnvelopeId,
    ReferralRef,
)
from quietway_schemas.instants import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.agent import Agent
    from quietway.engine.state import Chain, State
    from quietway.ports import Write
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.instants import Instant

A_CASE_SAYS: Final = 20
A_CASE_LASTS_MS: Final = 90 * DAY
YEAR_MS: Final = 350 * DAY
STARTS_ANEW: Final = 0.1
"""How likely a speaker's program was started between two messages."""
BATCH: Final = 200
"""Cases in one commit."""
CODES: Final = ("safety_plan_active", "shelter_need_open", "court_date_scheduled")


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who says what is received: one device of a partner agency."""

    agency: AgencyId
    device: DeviceId


class Teller:
    """Tells the story of one case, message by message, as its chain goes on."""

    def __init__(self, speaker: Speaker, chance: random.Random, me: Agent) -> None:
        self._speaker = speaker
        self._chance = chance
        self._me = me
        self._incarnation = chance.randbytes(8)
        self._conversation = ConversationId(chance.randbytes(16))
        self._seq = 0
        self._prev = ZERO_DIGEST

    def say(self, content: ContentModel, at: Instant) -> Opened:
        """Say the next thing."""
        if self._chance.random() < STARTS_ANEW:
            # The speaker's program was started anew.
            self._incarnation, self._seq = self._chance.randbytes(8), 0
        class_ = find_class(content)
        core = Core(
            agency=self._speaker.agency,
            device=self._speaker.device,
            incarnation=self._incarnation,
            manifest_version=1,
            conversation=self._conversation,
            audience_digest=bytes(32),
            seq=self._seq,
            prev=self._prev,
            created=at,
            expires=at + class_.life_ms,
            content=encode_content(content),
        )
        packed = core.pack()
        core_hash = hash_core(packed)
        self._seq, self._prev = self._seq + 1, core_hash
        header = Header(
            class_, 1, 1, self._me.keyring.mailbox, EnvelopeId(self._chance.randbytes(16))
        )
        return Opened(
            header, core, name_message(packed), core_hash, self._chance.randbytes(64), content
        )


def tell_case(
    speaker: Speaker, me: Agent, chance: random.Random, *, began: Instant, now: Instant
) -> Iterator[Opened]:
    """Tell what is said of one case, oldest first."""
    teller, case = Teller(speaker, chance, me), CaseRef(chance.randbytes(16))
    ends = min(now, began + A_CASE_LASTS_MS)
    is_open = ends == now
    moments = sorted(chance.randrange(began, ends) for _ in range(A_CASE_SAYS))
    referral = ReferralRef(chance.randbytes(16))
    yield teller.say(_ask(case, referral, moments[0]), moments[0])
    states = ("accepted", "scheduled") if is_open else ("accepted", "scheduled", "completed")
    shown: dict[str, bytes] = {}
    for number, at in enumerate(moments[1:], start=1):
        if number <= len(states):
            state = states[number - 1]
            answer = ReferralFeedback(case_ref=case, referral_ref=referral, state=state, at=at)
            yield teller.say(answer, at)
        elif is_open and at > now - 25 * DAY:
            yield teller.say(MessageText(text="I can be with her. Call me before nine."), at)
        else:
            code = CODES[number % len(CODES)]
            said = teller.say(_stand(case, code, at, shown.get(code)), at)
            shown[code] = said.core_hash
            yield said


async def fill(agent: Agent, speaker: Speaker, *, cases: int, seed: int = 7) -> None:
    """Fill a device's store.

    Args:
        agent: Of the device; nothing else is done with it meanwhile.
        speaker: A partner.
        cases: How many; twenty messages each.
        seed: Decides all of it but the keys.
    """
    chance, now = random.Random(seed), agent.clock.now()  # noqa: S311 - a story, no key
    for start in range(0, cases, BATCH):
        writes: list[Write] = []
        chains: dict[bytes, Chain] = {}
        for _ in range(min(BATCH, cases - start)):
            began = now - chance.randrange(YEAR_MS)
            for opened in tell_case(speaker, agent, chance, began=began, now=now):
                _enter(agent.state, chains, opened, now)
                writes.append(_write(agent, opened))
        state = replace(agent.state, chains={**agent.state.chains, **chains}, spoken_in={})
        await agent.settle(also=[*writes, *codec.changes(agent.state, state)])
        agent.state = state


def _enter(state: State, chains: dict[bytes, Chain], opened: Opened, now: Instant) -> None:
    # With its own chain alone: copying all of them for each message would take an hour.
    key = chain_key(opened.core)
    few = replace(state, chains={key: chains[key]} if key in chains else {}, spoken_in={})
    grown = enter(few, find_chain(few, opened), opened).chains[key]
    is_over = opened.core.expires + 2 * HOUR <= now
    chains[key] = replace(grown, places={}) if is_over else grown


def _write(agent: Agent, opened: Opened) -> Write:
    record = RecordReceived(opened.core.created, opened)
    return write_record(record, agency=agent.keyring.agency, program="MERCY-SOCIALWORK", counted=0)


def _stand(case: CaseRef, code: str, at: Instant, former: bytes | None) -> StatusIndicator:
    return StatusIndicator(
        case_ref=case,
        code=code,
        state="active",
        effective=at,
        expires=at + 14 * DAY,
        confidence="reported",
        supersedes=() if former is None else (former,),
    )


def _ask(case: CaseRef, referral: ReferralRef, at: Instant) -> ReferralPacket:
    return ReferralPacket(
        case_ref=case,
        referral_ref=referral,
        referring=Referring(
            agency="MERCY",
            program="MERCY-SOCIALWORK",
            staff="R. Okafor",
            contact="extension 12",
            at=at,
        ),
        receiving=Receiving(
            program="HARBOR-SHELTER", preferred_channel="phone", eligibility_note="None."
        ),
        service_type="safehouse",
        purpose_code="safe_accommodation",
        purpose_text="A place from tonight.",
        info_basis="client_interview",
        time_sensitivity="standard",
        pathway="direct_handoff",
        referred_by="hotline",
        survivor_choice="chosen",
        identity_mode="none",
        feedback_due=at + 5 * DAY,
    )
