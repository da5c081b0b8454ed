"""Escalations: a referral that is not answered goes to the next level, one at a time.

Spec: docs/spec/referrals.md, "Escalation"; docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.calendars import read_agencies
from quietway.errors import ContentRefused, NotFound
from quietway.faces.routing import find_referral, name_case
from quietway.faces.saying import saying_refusals
from quietway.history import list_messages
from quietway.policy.windows import find_window
from quietway.roles import keep_readable
from quietway.speaking import speak
from quietway.views.escalations import (
    Escalated,
    find_standing,
    fold_escalations,
    follows,
)
from quietway_schemas.content.coordination import FRONTLINE, LEADERSHIP, Escalation
from quietway_schemas.content.referral_states import CLOSED_STATES

if TYPE_CHECKING:
    import builtins

    from quietway.agent import Agent
    from quietway.reports import Sent
    from quietway.views.referrals import Referral
    from quietway_schemas.ids import ReferralRef
    from quietway_schemas.instants import Instant

_ID_BYTES: Final = 16


class AsyncEscalations:
    """Escalations: frontline, supervisory, leadership; a person raises each, and resolves it."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def raise_(
        self, ref: ReferralRef | str, reason_code: str, *, level: int | None = None
    ) -> Sent:
        """Take a referral to the next level of the agency that has to answer.

        Args:
            ref: The referral.
            reason_code: Of the list `escalation_reason`. With `safety_concern` a level may be
                skipped, and nobody waits until the one before had its time.
            level: 1 frontline, 2 supervisory, 3 leadership; None for the next.

        Raises:
            NotFound: There is no such referral in this store.
            ContentRefused: It is closed, the level does not follow, or the one before still has
                time. Nothing was sealed.
        """
        referral = await self._find(ref)
        if referral.state in CLOSED_STATES:
            raise ContentRefused("state", "is closed: there is nothing to escalate.")
        standing = find_standing(await self._list_of(referral))
        wanted = level or min(LEADERSHIP, FRONTLINE if standing is None else standing.level + 1)
        now = self._agent.clock.now()
        due = await self._count(referral, now)
        with saying_refusals():
            content = Escalation(
                escalation_id=self._agent.entropy.draw(_ID_BYTES)
                if standing is None
                else standing.escalation_id,
                case_ref=await name_case(self._agent, referral),
                subject=referral.ref,
                level=wanted,
                reason_code=reason_code,
                raised_at=now,
                due_at=due,
            )
        _check_follows(self._agent, content, standing)
        return await self._say(referral, content)

    async def resolve(self, ref: ReferralRef | str, resolution: str) -> Sent:
        """Say that the escalation of a referral is over, and what came of it.

        Args:
            ref: The referral.
            resolution: Of the list `escalation_resolution`.

        Raises:
            NotFound: There is no such referral in this store, or nothing of it is escalated.
            ContentRefused: There is no such resolution.
        """
        referral = await self._find(ref)
        standing = find_standing(await self._list_of(referral))
        if standing is None:
            raise NotFound("An open escalation of this referral")
        with saying_refusals():
            content = Escalation(
                escalation_id=standing.escalation_id,
                case_ref=await name_case(self._agent, referral),
                subject=referral.ref,
                level=standing.level,
                reason_code=standing.content.reason_code,
                raised_at=standing.content.raised_at,
                due_at=standing.content.due_at,
                resolution=resolution,
            )
        return await self._say(referral, content)

    async def list(self, ref: ReferralRef | str | None = None) -> builtins.list[Escalated]:
        """List the escalations, of one referral or of all, oldest first.

        Raises:
            NotFound: There is no such referral in this store.
        """
        if ref is not None:
            return list(await self._list_of(await self._find(ref)))
        said = keep_readable(self._agent, await self._agent.ledger.standing())
        return list(fold_escalations(said))

    async def _find(self, ref: ReferralRef | str) -> Referral:
        found = await find_referral(self._agent, ref)
        if found is None:
            raise NotFound("A referral by that reference")
        return found

    async def _list_of(self, referral: Referral) -> tuple[Escalated, ...]:
        said = await list_messages(self._agent, conversation=referral.conversation)
        return tuple(one for one in fold_escalations(said) if one.content.subject == referral.ref)

    async def _count(self, referral: Referral, now: Instant) -> Instant:
        agencies = await read_agencies(self._agent)
        asked = min(referral.agencies)
        window = find_window("escalation", referral.packet.time_sensitivity)
        return window.due(now, agencies.find_calendar(asked)[0])

    async def _say(self, referral: Referral, content: Escalation) -> Sent:
        return await speak(
            self._agent,
            content,
            to=referral.agencies,
            conversation=referral.conversation,
            referral_ref=referral.ref,
        )


def _check_follows(agent: Agent, content: Escalation, standing: Escalated | None) -> None:
    if standing is not None and standing.raised_by != agent.keyring.agency:
        raise ContentRefused("subject", "was escalated by the other agency: resolve that first.")
    if not follows(content, None if standing is None else standing.content):
        raise ContentRefused(
            "level", "does not follow: one level at a time, when the one before had its time."
        )
