"""Status indicators, and the board that shows them.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway.exercises import OF_DRILL
from quietway.faces.casework import ID_BYTES, say_of_case
from quietway.faces.saying import saying_refusals
from quietway.history import list_messages
from quietway.naming import BOARD
from quietway.ports import Put
from quietway.roles import is_readable, my_roles
from quietway.speaking import find_agencies, speak
from quietway.views.board import fold_statuses, show_statuses
from quietway.views.values import name_shown, place_of
from quietway_schemas.content.status import StatusIndicator, propose_expiry
from quietway_schemas.ids import ConversationId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.records import StoredMessage
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.board import StatusEntry, Statuses
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class _ReadableStatuses:
    """Folds what a device with these roles shows; other roles, other cards."""

    roles: tuple[str, ...]

    def __call__(self, messages: Iterable[StoredMessage]) -> Statuses:
        return fold_statuses(held for held in messages if is_readable(held, self.roles))


class AsyncStatus:
    """Status indicators: codes with an end, and no words."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def set(
        self,
        code: str,
        *,
        to: Addressee | Iterable[Addressee],
        state: str = "active",
        case_ref: CaseRef | None = None,
        effective: Instant | None = None,
        expires: Instant | None = None,
        confidence: str = "reported",
        exercise: bool = False,
    ) -> Sent:
        """Say where something stands.

        Args:
            code: Of the list `status_indicator`.
            to: The partners who may know.
            state: Of the list `status_state`.
            case_ref: Of which case, by one's own reference. Each agency is told of it apart, under
                an alias of its own, so that no two of them can tell that it is one case.
            effective: From when; now where it is None.
            expires: Until when; what the dictionary proposes for the code where it is None.
            confidence: Of the list `status_confidence`.
            exercise: True in a drill.

        Raises:
            ContentRefused: A code or a time breaks a rule. Nothing was sealed.

        Returns:
            What became of it; with a case and several agencies, of the copy that came least far.
        """
        agencies = find_agencies(self._agent, to)
        start = self._agent.clock.now() if effective is None else effective
        with saying_refusals():
            content = StatusIndicator(
                code=code,
                state=state,
                effective=start,
                expires=propose_expiry(code, start) if expires is None else expires,
                confidence=confidence,
                exercise=exercise,
            )
        if case_ref is not None:
            said = await list_messages(self._agent, case=case_ref)
            return await say_of_case(self._agent, case_ref, content, to=agencies, messages=said)
        place = place_of(content, self._agent.keyring.agency, None)
        seen = name_shown(await self._agent.ledger.standing(), place, agencies)
        return await speak(
            self._agent,
            content.model_copy(update={"supersedes": seen}),
            to=agencies,
            conversation=await self._find_conversation(agencies, drill=exercise),
        )

    async def board(self) -> list[StatusEntry]:
        """List the indicators that stand now, newest first, one's own among them."""
        cards = await self._agent.ledger.case_cards(_ReadableStatuses(my_roles(self._agent)))
        return list(show_statuses(cards.values(), now=self._agent.clock.now()))

    async def _find_conversation(
        self, agencies: tuple[AgencyId, ...], *, drill: bool
    ) -> ConversationId:
        # One conversation for each circle of agencies: an audience is introduced once.
        key = b"".join(agency.value for agency in sorted(set(agencies)))
        key += OF_DRILL if drill else b""
        held = await self._agent.store.read(BOARD, key)
        if held is not None:
            return ConversationId(held)
        drawn = self._agent.entropy.draw(ID_BYTES)
        await self._agent.settle(also=[Put(BOARD, key, drawn)])
        return ConversationId(drawn)
