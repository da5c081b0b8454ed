"""`client.board`: where each case stands now, in four columns, and the values that stand there.

Spec: docs/spec/cases.md, "The board" and "Values".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import ContentRefused, NotFound
from quietway.faces.casework import (
    ID_BYTES,
    find_told,
    list_cards,
    read_case,
    read_ref,
    say_of_case,
)
from quietway.faces.saying import saying_refusals
from quietway.roles import my_roles
from quietway.speaking import find_partner
from quietway.views.board import CaseBoard, fold_card, show_boards
from quietway.views.values import find_action
from quietway_schemas.content.case import (
    USUAL_BARRIER_MS,
    USUAL_RELOCATION_MS,
    BarrierUpdate,
    RelocationOptions,
    UrgentAction,
)
from quietway_schemas.instants import to_text

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable, Mapping

    from quietway.agent import Agent
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.board import CaseCard
    from quietway_schemas.content.base import CaseContent
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant


_MONTH: Final = len("2026-11")


class AsyncBoard:
    """Safety status, current barriers, urgent actions and relocation choice of each case."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def list(self) -> builtins.list[CaseBoard]:
        """List the cases of which something stands now, as far as this device's roles show it."""
        return list(self._show(await list_cards(self._agent, fold_card)))

    async def show(self, case: CaseRef | str) -> CaseBoard:
        """Show the board of one case; empty columns where nothing stands.

        Raises:
            NotFound: This store knows no such case.
        """
        ref, messages = await read_case(self._agent, case)
        found = (board for board in self._show({ref: fold_card(messages)}) if board.case_ref == ref)
        return next(found, CaseBoard(ref, self._list_stopped().get(ref, ())))

    async def set_barrier(
        self,
        case: CaseRef | str,
        code: str,
        state: str = "present",
        *,
        to: Addressee | Iterable[Addressee] | None = None,
        since: str | None = None,
        expires: Instant | None = None,
    ) -> Sent:
        """Say what stands in the way, or that it does so no more.

        Args:
            case: One's own reference.
            code: Of the list `barrier`.
            state: Of the list `barrier_state`.
            to: The partners who may know; all that the case is spoken of with where it is None.
            since: The month, as `2026-11`; this one where it is None.
            expires: Until when; 90 days from now where it is None, and 180 at most.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: A code or a time breaks a rule. Nothing was sealed.
        """
        now = self._agent.clock.now()
        with saying_refusals():
            content = BarrierUpdate(
                case_ref=read_ref(case),
                nonce=bytes(ID_BYTES),
                code=code,
                state=state,
                since=to_text(now)[:_MONTH] if since is None else since,
                expires=now + USUAL_BARRIER_MS if expires is None else expires,
            )
        return await self._say(content, to)

    async def set_action(
        self,
        case: CaseRef | str,
        code: str,
        *,
        to: Addressee,
        due_at: Instant,
        owner: str | None = None,
    ) -> Sent:
        """Ask one partner for something urgent, or tell it what this agency sees to.

        Args:
            case: One's own reference.
            code: Of the list `urgent_action`.
            to: The one partner who is told.
            due_at: Until when it is to be done.
            owner: The agency code of who sees to it; the partner's where it is None.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: A code breaks a rule, or it was due already. Nothing was sealed.
        """
        if due_at <= self._agent.clock.now():
            raise ContentRefused("due_at", "has passed: name a time that is to come.")
        partner = find_partner(self._agent, to)
        with saying_refusals():
            content = UrgentAction(
                case_ref=read_ref(case),
                nonce=bytes(ID_BYTES),
                action_id=self._agent.entropy.draw(ID_BYTES),
                code=code,
                owner=partner.agency_code if owner is None else owner,
                due_at=due_at,
                state="open",
            )
        return await self._say(content, partner)

    async def answer_action(self, case: CaseRef | str, action_id: bytes, state: str) -> Sent:
        """Say how an urgent action stands now: done, blocked, cancelled, or open again.

        It goes to the other agency that was in it.

        Args:
            case: One's own reference.
            action_id: Of the line's `content`.
            state: Of the list `urgent_action_state`.

        Raises:
            NotFound: No such action stands.
            ContentRefused: There is no such state. Nothing was sealed.
        """
        _, messages = await read_case(self._agent, case)
        shown = find_action(messages, action_id, now=self._agent.clock.now())
        if shown is None:
            raise NotFound("An urgent action by that id", "quietway board show")
        message, action = shown
        with saying_refusals():
            content = UrgentAction(
                case_ref=action.case_ref,
                nonce=bytes(ID_BYTES),
                action_id=action_id,
                code=action.code,
                owner=action.owner,
                due_at=action.due_at,
                state=state,
            )
        others = {message.agency, *message.to} - {self._agent.keyring.agency}
        return await self._say(content, tuple(others))

    async def set_relocation(
        self,
        case: CaseRef | str,
        options: Iterable[str],
        *,
        to: Addressee | Iterable[Addressee] | None = None,
        survivor_choice: str = "undecided",
        choice_at: Instant | None = None,
        constraints: Iterable[str] = (),
        survivor_preference: str | None = None,
        expires: Instant | None = None,
    ) -> Sent:
        """Say which ways to be safer were offered, and what the survivor chose of them.

        Args:
            case: One's own reference.
            options: Two at least, of the list `relocation_option`.
            to: The partners who may know; all that the case is spoken of with where it is None.
            survivor_choice: One of the options, `none`, or `undecided`.
            choice_at: When it was chosen; now where it is None and something was.
            constraints: Of the list `relocation_constraint`.
            survivor_preference: Of the list `relocation_preference`.
            expires: Until when; 14 days from now where it is None, and 30 at most.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: A code or a time breaks a rule. Nothing was sealed.
            RoleRefused: Nobody there may receive it: it is for advocates and leads.
        """
        now = self._agent.clock.now()
        chosen = survivor_choice != "undecided"
        with saying_refusals():
            content = RelocationOptions(
                case_ref=read_ref(case),
                nonce=bytes(ID_BYTES),
                options=tuple(sorted(set(options))),
                survivor_choice=survivor_choice,
                choice_at=now if chosen and choice_at is None else choice_at,
                constraints=tuple(sorted(set(constraints))),
                survivor_preference=survivor_preference,
                expires=now + USUAL_RELOCATION_MS if expires is None else expires,
            )
        return await self._say(content, to)

    def _show(self, cards: Mapping[CaseRef, CaseCard]) -> tuple[CaseBoard, ...]:
        return show_boards(
            cards,
            roles=my_roles(self._agent),
            now=self._agent.clock.now(),
            paused=self._list_stopped(),
            held_back=self._agent.held_back.pairs,
        )

    def _list_stopped(self) -> dict[CaseRef, tuple[AgencyId, ...]]:
        stopped: dict[CaseRef, tuple[AgencyId, ...]] = {}
        for case, agency in sorted(self._agent.held_back.stopped):
            stopped[case] = (*stopped.get(case, ()), agency)
        return stopped

    async def _say(self, content: CaseContent, to: Addressee | Iterable[Addressee] | None) -> Sent:
        assert content.case_ref is not None  # noqa: S101 - each of these has one
        case, messages = await read_case(self._agent, content.case_ref)
        told = await find_told(self._agent, messages, content, to)
        return await say_of_case(self._agent, case, content, to=told, messages=messages)
