"""`client.reviews`: looking back on events that are over, and following through.

Spec: docs/spec/reviews.md; docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.debriefing.events import list_reviews
from quietway.debriefing.reviewing import (
    add_item,
    find_risk,
    mark_followed,
    record_word,
    show_review,
    update_item,
)
from quietway.errors import NotFound
from quietway.huddling.reading import read_crisis, read_event_id
from quietway.speaking import find_partner
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable, Mapping

    from quietway.agent import Agent
    from quietway.faces.board import AsyncBoard
    from quietway.faces.contacts import AsyncContacts
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.reviews import EventReview
    from quietway_schemas.content.debrief import ExposureRisk
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant


class AsyncReviews:
    """Reviews: what each agency says of an event, what is to change, and how that stands."""

    def __init__(self, agent: Agent, board: AsyncBoard, contacts: AsyncContacts) -> None:
        self._agent = agent
        self._board = board
        self._contacts = contacts

    async def list(self, *, exercise: bool = False) -> builtins.list[EventReview]:
        """List the reviews of events that are over, the first closed first.

        Args:
            exercise: Those of drills instead, and no other.
        """
        return await list_reviews(self._agent, exercise=exercise)

    async def show(self, event_id: bytes | str) -> EventReview:
        """Show the review of one event.

        Raises:
            NotFound: There is no such event in this store.
            ContentRefused: It is not closed yet.
        """
        return show_review(await read_crisis(self._agent, event_id))

    async def record(
        self,
        event_id: bytes | str,
        *,
        worked_well: Iterable[str] = (),
        barriers: Iterable[str] = (),
        timing: Iterable[str] = (),
        data_gaps: Iterable[str] = (),
        exposure_risks: Iterable[ExposureRisk] = (),
        texts: Mapping[str, str] | None = None,
    ) -> Sent:
        """Say this agency's word on an event, in five sections; it replaces what was said before.

        The lead's word is what holds the review. All who took part are told, and nobody else.

        Args:
            event_id: Which event.
            worked_well: Of the list `aar_strength`.
            barriers: Of the list `aar_barrier`.
            timing: Of the list `aar_timing`.
            data_gaps: Of the list `aar_gap`.
            exposure_risks: Each with a code of `aar_exposure` and what is to follow.
            texts: A few words about a section, by its code of `aar_category`.

        Raises:
            NotFound: There is no such event in this store.
            ContentRefused: It is not closed yet, this agency took no part, or a code breaks a rule.
            LocationFound: The guard found what should not be said. Nothing was sealed.
        """
        return await record_word(
            self._agent,
            await read_crisis(self._agent, event_id),
            worked_well=worked_well,
            barriers=barriers,
            timing=timing,
            data_gaps=data_gaps,
            exposure_risks=exposure_risks,
            texts=texts,
        )

    async def follow(
        self,
        event_id: bytes | str,
        code: str,
        *,
        to: Addressee,
        action: str = "call_lead",
        due_at: Instant | None = None,
        text: str = "A review found a risk of exposure.",
    ) -> Sent:
        """Act on a risk of exposure that this agency named, in the way that it named, and say so.

        An urgent action is set about the case, and this agency sees to it; a report of a problem
        names no case. Of a drill nothing is set or reported: it is marked as acted on.

        Args:
            event_id: Which event.
            code: Of the risk, of the list `aar_exposure`.
            to: The partner who is told.
            action: What is to be done, of the list `urgent_action`.
            due_at: Until when; in a day where it is None.
            text: Of a report, what it is about. Name no case and no person.

        Raises:
            NotFound: There is no such event here, or no such risk that is still to be acted on.
            ContentRefused: It is not closed yet, or a code breaks a rule.
            LocationFound: The guard found what should not be said. Nothing was sealed.
        """
        event = await read_crisis(self._agent, event_id)
        word, risk = find_risk(self._agent, show_review(event), code)
        if event.exercise:
            return await mark_followed(self._agent, event, word, risk)
        if risk.follow_up == "urgent_action":
            until = self._agent.clock.now() + DAY if due_at is None else due_at
            own = self._agent.keyring.agency_code
            await self._board.set_action(event.case, action, to=to, due_at=until, owner=own)
        else:
            await self._contacts.report_problem("access_wrong", text, to=to)
        return await mark_followed(self._agent, event, word, risk)

    async def add_item(
        self,
        event_id: bytes | str,
        category: str,
        *,
        owner: Addressee | None = None,
        due: Instant,
        text: str | None = None,
    ) -> bytes:
        """Say what is to change, whose it is, and until when; returns the item's id.

        Args:
            event_id: Which event.
            category: Of the list `aar_category`: `protocol_update`, `training_need` and so on.
            owner: An agency that took part; one's own where it is None.
            due: Until when, milliseconds since 1970-01-01T00:00:00Z.
            text: A few words about what it is.

        Raises:
            NotFound: There is no such event in this store.
            ContentRefused: The owner took no part, the time is over, or a code breaks a rule.
            LocationFound: The guard found what should not be said. Nothing was sealed.
        """
        event = await read_crisis(self._agent, event_id)
        item_id, _ = await add_item(
            self._agent, event, category, self._find_owner(owner), due, text=text
        )
        return item_id

    async def update_item(
        self, item_id: bytes | str, state: str, *, reason_code: str | None = None
    ) -> Sent:
        """Say how an item of this agency stands; nobody else says it.

        Args:
            item_id: Which.
            state: Of the list `aar_item_state`.
            reason_code: Of the list `aar_item_reason`; where it is dropped, it is asked for.

        Raises:
            NotFound: There is no such item in this store.
            ContentRefused: Another agency owns it, the state does not follow, or a code breaks a
                rule.
        """
        wanted = read_event_id(item_id)
        for exercise in (False, True):
            for review in await self.list(exercise=exercise):
                if any(item.item_id == wanted for item in review.items):
                    event = await read_crisis(self._agent, review.event_id)
                    return await update_item(
                        self._agent, event, wanted, state, reason_code=reason_code
                    )
        raise NotFound("An item by that id", "quietway review list")

    def _find_owner(self, owner: Addressee | None) -> AgencyId:
        if owner is None or owner == self._agent.keyring.agency:
            return self._agent.keyring.agency
        return find_partner(self._agent, owner).agency_id
