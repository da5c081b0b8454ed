"""Status indicators, and the board that shows them.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.faces.saying import find_alias, saying_refusals
from quietway.history import list_messages
from quietway.ports import Put
from quietway.speaking import find_agencies, speak
from quietway.views.board import fold_board, name_shown
from quietway_schemas.content.status import StatusIndicator, propose_expiry
from quietway_schemas.ids import CaseRef, ConversationId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.board import StatusEntry
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

BOARD: Final = "board"
_ID_BYTES: Final = 16


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
        messages = await list_messages(self._agent)
        place = (self._agent.keyring.agency, case_ref, code)

        def name_seen(*to: AgencyId) -> StatusIndicator:
            return content.model_copy(update={"supersedes": name_shown(messages, place, to)})

        if case_ref is None:
            return await self._say(name_seen(*agencies), agencies)
        said = [
            await self._say_of(case_ref, name_seen(agency), agency)
            for agency in sorted(set(agencies))
        ]
        return next((sent for sent in said if sent.problem is not None), said[0])

    async def board(self) -> list[StatusEntry]:
        """List the indicators that stand now, newest first, one's own among them."""
        messages = await list_messages(self._agent)
        return list(fold_board(messages, now=self._agent.clock.now()))

    async def _say(self, content: StatusIndicator, agencies: tuple[AgencyId, ...]) -> Sent:
        conversation = await self._find_conversation(agencies)
        return await speak(self._agent, content, to=agencies, conversation=conversation)

    async def _say_of(self, case: CaseRef, content: StatusIndicator, agency: AgencyId) -> Sent:
        alias = await find_alias(self._agent, case, agency)
        return await self._say(content.model_copy(update={"case_ref": alias}), (agency,))

    async def _find_conversation(self, agencies: tuple[AgencyId, ...]) -> ConversationId:
        # One conversation for each circle of agencies: an audience is introduced once.
        key = b"".join(agency.value for agency in sorted(set(agencies)))
        held = await self._agent.store.read(BOARD, key)
        if held is not None:
            return ConversationId(held)
        drawn = self._agent.entropy.draw(_ID_BYTES)
        await self._agent.settle(also=[Put(BOARD, key, drawn)])
        return ConversationId(drawn)
