"""Gathers what happened in a drill, for its score: from what was said and heard under the flag.

Rules: it reads, and says nothing to anybody. Texts are read by the guard once more, as they were
sealed; what it found in whose text is counted and let go of.

Spec: docs/spec/drills.md, "Score".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.drilling.scoring import DrillFacts
from quietway.exercises import keep_of
from quietway.guard.fields import list_texts
from quietway.guard.inspecting import inspect
from quietway.guarding.records import DRILL_REFUSAL
from quietway.history import list_messages, list_tagged
from quietway.standing import of_alert
from quietway_schemas.content.alert import (
    AlertClaimed,
    AlertMinimal,
    AlertVerify,
    AlertVerifySecond,
)
from quietway_schemas.content.case import UrgentAction
from quietway_schemas.content.crisis import ActionItem, CrisisActivate
from quietway_schemas.content.debrief import EventClosed
from quietway_schemas.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quietway.agent import Agent
    from quietway.drilling.drill import Drill
    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant

SUPPORTS: Final = "supports"
_ACTIONS: Final = (ActionItem, UrgentAction)


async def gather_facts(agent: Agent, drill: Drill, of_event: Iterable[StoredMessage]) -> DrillFacts:
    """Gather what happened in a drill until now.

    Args:
        agent: Of the device that runs it.
        drill: Which.
        of_event: What was said of the event that came out of it; nothing where none did.
    """
    alert = await _read_alert(agent, drill)
    of_case = keep_of(await list_messages(agent, case=drill.case), exercise=True)
    said = _each_once([*alert.said, *of_case, *of_event])
    script = drill.scenario.verify
    return DrillFacts(
        began_at=drill.began_at,
        expected=drill.expected,
        told=_find_told(agent, said),
        allowed=drill.allowed,
        claimed_at=alert.claimed_at,
        verified_at=alert.find_verified(None if script is None else script.result),
        supported_at=alert.find_verified(SUPPORTS),
        activated_at=_first(said, CrisisActivate),
        closed_at=_first(said, EventClosed),
        broadcast_at=_find_broadcast(said, {agent.keyring.agency, drill.lead}),
        tiers_reached=alert.count_tiers(agent.clock.now()),
        guard_findings=count_findings(said) + await _count_refusals(agent, drill),
        actions=frozenset(held.content.code for held in said if isinstance(held.content, _ACTIONS)),
    )


def count_findings(said: Iterable[StoredMessage]) -> int:
    """Count the texts in which the guard finds something, as they were sealed."""
    texts = (field.text for held in said for field in list_texts(held.content))
    return sum(any(found.action != "warn" for found in inspect(text)) for text in texts)


@dataclass(frozen=True, slots=True)
class _AlertSaid:
    """The alert of a drill, with all that was said of it."""

    said: tuple[StoredMessage, ...]
    agency: AgencyId

    @property
    def alert(self) -> StoredMessage | None:
        return next((held for held in self.said if isinstance(held.content, AlertMinimal)), None)

    @property
    def claimed_at(self) -> Instant | None:
        """When somebody of the agency that was called first claimed it."""
        return _first(self.said, AlertClaimed, agency=self.agency)

    def find_verified(self, result: str | None) -> Instant | None:
        """Say when somebody besides whoever raised it verified it; a judgement waits for two.

        Args:
            result: Of the list `verify_result`; None for any.
        """
        raised = None if self.alert is None else self.alert.device
        others = [held for held in self.said if held.device != raised]
        times = (
            self._find_counting(held, held.content.basis, others)
            for held in others
            if isinstance(held.content, AlertVerify) and result in {None, held.content.result}
        )
        return min((at for at in times if at is not None), default=None)

    def _find_counting(
        self, held: StoredMessage, basis: str | None, others: Iterable[StoredMessage]
    ) -> Instant | None:
        if basis is None:
            return held.said_at
        seconds = (
            one.said_at
            for one in others
            if isinstance(one.content, AlertVerifySecond)
            and one.content.verification == held.message_id
            and one.device != held.device
        )
        second = min(seconds, default=None)
        return None if second is None else max(held.said_at, second)

    def count_tiers(self, now: Instant) -> int:
        """Count the tiers whose time had come when it was claimed, or has until now."""
        alert = self.alert
        if alert is None or not isinstance(alert.content, AlertMinimal):
            return 0
        until = self.claimed_at or now
        begun = alert.content.raised_at
        return sum(begun + due * SECOND <= until for due in alert.content.tiers)


async def _read_alert(agent: Agent, drill: Drill) -> _AlertSaid:
    said = keep_of(await list_tagged(agent, of_alert(drill.alert_id)), exercise=True)
    return _AlertSaid(tuple(sorted(said, key=lambda held: held.said_at)), drill.lead)


def _each_once(said: Iterable[StoredMessage]) -> list[StoredMessage]:
    return list({held.key: held for held in said}.values())


def _first(
    said: Iterable[StoredMessage], kind: type[object], *, agency: AgencyId | None = None
) -> Instant | None:
    times = (
        held.said_at
        for held in said
        if isinstance(held.content, kind) and agency in {None, held.agency}
    )
    return min(times, default=None)


def _find_told(agent: Agent, said: Sequence[StoredMessage]) -> frozenset[DeviceId]:
    """Find every device that anything of the drill was sealed to, by who reads along."""
    audiences = agent.state.audiences
    read_along = {
        device for held in said for device in audiences.get(held.audience_digest, frozenset())
    }
    entries = {held.key: agent.state.outbox.get(held.key) for held in said if not held.received}
    sealed = {
        copy.device for entry in entries.values() if entry is not None for copy in entry.deliveries
    }
    return frozenset(read_along | sealed) - {agent.keyring.device}


def _find_broadcast(said: Iterable[StoredMessage], alerted: set[AgencyId]) -> Instant | None:
    """Say when more agencies than those that were alerted were told of the event."""
    times = (
        held.said_at
        for held in said
        if isinstance(held.content, CrisisActivate) and set(held.content.parties) - alerted
    )
    return min(times, default=None)


async def _count_refusals(agent: Agent, drill: Drill) -> int:
    until = drill.ended_at or agent.clock.now()
    refused = (int.from_bytes(row.key[:8], "big") for row in await agent.store.scan(DRILL_REFUSAL))
    return sum(drill.began_at <= at <= until for at in refused)
