"""Crises: activated, answered, talked about and acted on by several agencies at once.

Who takes part is what the owner's device states; what is said goes to those and to nobody else.

Spec: docs/spec/crises.md; docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.alerting.listing import find_alert
from quietway.crisis.handover_code import is_code, show_code
from quietway.crisis.lead_rule import LeadChoice, choose_lead
from quietway.crisis.naming import make_event_id
from quietway.crisis.sequence import USUAL_STEP_MS, Step
from quietway.crisis.summary import make_summary
from quietway.debriefing.closing import close_event, note_event
from quietway.errors import ContentRefused
from quietway.faces.casework import read_case
from quietway.faces.huddles import HuddleFace
from quietway.faces.saying import saying_refusals
from quietway.huddling.calling import make_told
from quietway.huddling.plans import Plan
from quietway.huddling.reading import list_crises, read_crisis
from quietway.huddling.saying import say_in_huddle
from quietway.reports import SentLogistics
from quietway.speaking import check_allowed, find_agencies
from quietway_schemas.content.crisis import (
    HANDOVER_CODE_BYTES,
    LONGEST_LOGISTICS_MS,
    USUAL_TIME_BOX_MINUTES,
    ActionItem,
    ActionUpdate,
    CrisisActivate,
    DecisionLog,
    HuddleCheckin,
    HuddleMessage,
    Logistics,
)
from quietway_schemas.content.crisis_states import check_action_transition
from quietway_schemas.instants import MINUTE

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable, Mapping

    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.crises import Crisis
    from quietway_schemas.ids import AgencyId, CaseRef, DeviceId
    from quietway_schemas.instants import Instant

_ID_BYTES: Final = 16


class AsyncCrises(HuddleFace):
    """Crises: who is called and takes part, what is said, done and decided."""

    async def activate(
        self,
        case: CaseRef | str,
        *,
        criteria: Iterable[str],
        event_type: str,
        partners: Addressee | Iterable[Addressee],
        mode: str = "huddle_room",
        lead: Addressee | None = None,
        within_min: int = USUAL_STEP_MS // MINUTE,
        timebox_min: int = USUAL_TIME_BOX_MINUTES,
        alert: bytes | None = None,
        verify_state: str | None = None,
        basis: str | None = None,
        exercise: bool = False,
    ) -> bytes:
        """Activate a crisis: the lead is told first, then the others, each in its time.

        Everybody who is called is asked about first: where one may not be told, nobody is.

        Args:
            case: One's own reference.
            criteria: Codes of the list `crisis_criterion`, one at least.
            event_type: Of the list `event_type`; by it the lead is chosen.
            partners: Who is called, in order.
            mode: Of the list `communication_mode`.
            lead: Who leads, where a person decides otherwise than the table.
            within_min: Minutes in which each of them has to answer.
            timebox_min: For how long the first huddle is meant to last, in minutes.
            alert: The alert that it came out of, if any.
            verify_state: How far it is verified, of the list `verification_state`; as the alert is,
                and nothing else, where there is one; unverified where it is None.
            basis: The law or the order (as recorded) by which those are told who have no release.
            exercise: Whether it is a drill.

        Returns:
            The event's id, 16 bytes.

        Raises:
            NotFound: This store knows no such case.
            ContentRefused: A code is missing or unknown. Nothing was sealed.
            NotPermitted: One of them may not be told of it. The same.
            NotCorroborated: It came out of an alert that no second source supports, and more than
                the alert's lead is called. The same.
            QuietwayError: As for messages. The same.
        """
        agent = self._agent
        ref, _ = await read_case(agent, case)
        called = find_agencies(agent, partners)
        choice = self._choose(event_type, called, lead)
        nonce = agent.entropy.draw(_ID_BYTES)
        keyring = agent.keyring
        with saying_refusals():
            content = CrisisActivate(
                case_ref=ref,
                event_id=make_event_id(keyring.agency, keyring.device, nonce),
                opener=keyring.agency,
                opener_device=keyring.device,
                nonce=nonce,
                criteria=tuple(sorted(set(criteria))),
                event_type=event_type,
                mode=mode,
                verify_state=await self._find_verified(alert, verify_state),
                lead=choice.agency,
                parties=tuple(sorted({keyring.agency, *called})),
                timebox_min=timebox_min,
                alert_id=alert,
                exercise=exercise,
                at=agent.clock.now(),
            )
        first = [agency for agency in called if agency == choice.agency]
        order = [*first, *(agency for agency in called if agency != choice.agency)]
        await self._check_all(content, ref, order, basis or "")
        steps = tuple(Step(agency, within_min * MINUTE) for agency in dict.fromkeys(order))
        plan = Plan(content.event_id, steps, basis or "", choice.fallback)
        await self._caller.begin(plan, content, ref)
        return content.event_id

    async def show_lead(
        self, event_type: str, partners: Addressee | Iterable[Addressee]
    ) -> LeadChoice:
        """Say who would lead an event of a kind, and by which row of the table.

        Raises:
            UnknownPartner: One of them is not a partner.
        """
        return self._choose(event_type, find_agencies(self._agent, partners), None)

    async def list(self, *, exercise: bool = False) -> builtins.list[Crisis]:
        """List the events, the newest last: the real ones, or the drills."""
        return [held for held in await list_crises(self._agent) if held.exercise == exercise]

    async def show(self, event_id: bytes | str) -> Crisis:
        """Show an event.

        Raises:
            NotFound: This store knows no such event.
        """
        return await read_crisis(self._agent, event_id)

    async def say(self, event_id: bytes | str, text: str) -> Sent:
        """Say a text to all who take part, and to nobody else.

        Raises:
            NotFound: This store knows no such event.
            ContentRefused: This device takes no part, is an observer, or the text breaks a rule.
                Nothing was sealed.
            NotPartners: An agency there is no partner of this one. The same.
            LocationFound: The guard found what should not be said. The same.
        """
        crisis = await self._read_open(event_id)
        with saying_refusals():
            content = HuddleMessage(**self._of(crisis), text=text)
        return await say_in_huddle(self._agent, crisis, content)

    async def add_action(
        self,
        event_id: bytes | str,
        code: str,
        *,
        owner: Addressee | None = None,
        due_at: Instant,
        owner_device: DeviceId | None = None,
        note: str | None = None,
    ) -> bytes:
        """Ask an agency that takes part for something, by a time.

        Args:
            event_id: Of the event.
            code: Of the list `urgent_action`.
            owner: Who sees to it; one's own agency where it is None.
            due_at: Until when.
            owner_device: Whose device, where a person is meant.
            note: A few words, 280 bytes at most.

        Returns:
            The action's id, 16 bytes.

        Raises:
            NotFound, ContentRefused, NotPartners, LocationFound: As `say`.
        """
        crisis = await self._read_open(event_id)
        agency = self._find_agency(owner)
        if agency not in {seat.agency for seat in crisis.members}:
            raise ContentRefused("owner", "takes no part: invite it first.")
        action_id = self._agent.entropy.draw(_ID_BYTES)
        with saying_refusals():
            content = ActionItem(
                **self._of(crisis),
                action_id=action_id,
                code=code,
                owner=agency,
                owner_device=owner_device,
                due_at=due_at,
                note=note,
                at=self._agent.clock.now(),
            )
        await say_in_huddle(self._agent, crisis, content)
        return action_id

    async def update_action(self, event_id: bytes | str, action_id: bytes, state: str) -> Sent:
        """Say how an action stands: by its owner, or by whoever leads.

        Args:
            event_id: Of the event.
            action_id: Of the action.
            state: Of the list `action_state`.

        Raises:
            NotFound, ContentRefused, NotPartners: As `say`; also where there is no such action,
                it is another agency's, or the state does not follow.
        """
        crisis = await self._read(event_id)
        action = next((held for held in crisis.actions if held.action_id == action_id), None)
        if action is None:
            raise ContentRefused("action_id", "is of no action of this event.")
        if self._agent.keyring.agency not in {action.owner, crisis.lead}:
            raise ContentRefused("action_id", "is another agency's: ask it, or the lead.")
        with saying_refusals():
            check_action_transition(action.state, state)
            content = ActionUpdate(
                **self._of(crisis), action_id=action_id, state=state, at=self._agent.clock.now()
            )
        return await say_in_huddle(self._agent, crisis, content)

    async def decide(self, event_id: bytes | str, text: str, *, rationale: str) -> Sent:
        """Log a decision, and on what it rests.

        Args:
            event_id: Of the event.
            text: What was decided; the guard reads it.
            rationale: Of the list `decision_rationale`.

        Raises:
            NotFound, ContentRefused, NotPartners, LocationFound: As `say`.
        """
        crisis = await self._read_open(event_id)
        with saying_refusals():
            content = DecisionLog(
                **self._of(crisis),
                decision_id=self._agent.entropy.draw(_ID_BYTES),
                text=text,
                rationale=rationale,
                at=self._agent.clock.now(),
            )
        return await say_in_huddle(self._agent, crisis, content)

    async def set_checkin(
        self,
        event_id: bytes | str,
        at: Instant | None = None,
        *,
        no_checkin_reason: str | None = None,
    ) -> Sent:
        """Say when all meet again, or that they don't and why. An event is not closed without.

        Args:
            event_id: Of the event.
            at: When.
            no_checkin_reason: Of the list of that name, where there is none.

        Raises:
            NotFound, ContentRefused, NotPartners: As `say`.
        """
        crisis = await self._read_open(event_id)
        now = self._agent.clock.now()
        if at is not None and at <= now:
            raise ContentRefused("checkin_at", "is over: name a time that lies ahead.")
        with saying_refusals():
            content = HuddleCheckin(
                **self._of(crisis), checkin_at=at, no_checkin_reason=no_checkin_reason, at=now
            )
        return await say_in_huddle(self._agent, crisis, content)

    async def summary(
        self, event_id: bytes | str, *, text: str | None = None, final: bool = False
    ) -> Sent:
        """Say to all who take part where the event stands, made of codes.

        Args:
            event_id: Of the event.
            text: A few words of one's own; the guard reads them.
            final: Whether it is the last one.

        Raises:
            NotFound, ContentRefused, NotPartners, LocationFound: As `say`.
        """
        crisis = await self._read(event_id)
        with saying_refusals():
            content = make_summary(crisis, now=self._agent.clock.now(), text=text, final=final)
        return await say_in_huddle(self._agent, crisis, content)

    async def send_logistics(
        self,
        event_id: bytes | str,
        kind: str,
        *,
        to: Iterable[DeviceId],
        window_from: Instant,
        window_to: Instant,
        expires: Instant | None = None,
    ) -> SentLogistics:
        """Tell up to three devices what is arranged. A place goes by voice, after the words.

        Args:
            event_id: Of the event.
            kind: Of the list `logistics_kind`.
            to: Devices that take part, three at most.
            window_from: From when.
            window_to: Until when.
            expires: When it is shown no more; in 24 hours where it is None, and never later.

        Raises:
            NotFound, ContentRefused, NotPartners: As `say`; also where one of them takes no part.
        """
        crisis, now = await self._read_open(event_id), self._agent.clock.now()
        named = tuple(sorted(set(to)))
        if not set(named) <= set(crisis.roles):
            raise ContentRefused("recipients", "names a device that takes no part.")
        code = self._agent.entropy.draw(HANDOVER_CODE_BYTES)
        with saying_refusals():
            content = Logistics(
                **self._of(crisis),
                kind=kind,
                recipients=named,
                window_from=window_from,
                window_to=window_to,
                handover_code=code,
                at=now,
                expires=now + LONGEST_LOGISTICS_MS if expires is None else expires,
            )
        sent = await say_in_huddle(self._agent, crisis, content, only=named, until=content.expires)
        return SentLogistics(sent, show_code(code))

    async def note(
        self, event_id: bytes | str, codes: Iterable[str], *, text: str | None = None
    ) -> Sent:
        """Write down what this agency did, for all who take part. An event is not closed without.

        Args:
            event_id: Of the event.
            codes: Of the list `event_note`, one at least.
            text: A few words where codes do not say it; the guard reads them.

        Raises:
            NotFound, ContentRefused, NotPartners, LocationFound: As `say`.
        """
        return await note_event(self._agent, await self._read(event_id), codes, text=text)

    async def close(
        self,
        event_id: bytes | str,
        outcome: str,
        *,
        checkin_at: Instant | None = None,
        no_checkin_reason: str | None = None,
        missing: Mapping[Addressee, str] | None = None,
    ) -> Sent:
        """Close an event that this agency leads; its review is due five business days later.

        A summary made of codes goes to those who took part, and to nobody else.

        Args:
            event_id: Of the event.
            outcome: Of the list `event_outcome`.
            checkin_at: When those involved talk again.
            no_checkin_reason: Why they don't, of the list of that name. Where neither is given,
                what `set_checkin` said last counts.
            missing: Agencies whose note is missing, each with a code of `missing_note_reason`.

        Raises:
            NotFound: This store knows no such event.
            NotesOwed: An agency's note is neither here nor named as missing. Nothing was said.
            ContentRefused: Another agency leads it, it is closed, there is no check-in and no
                reason, or a code is unknown. The same.
        """
        return await close_event(
            self._agent,
            await self._read(event_id),
            outcome,
            checkin_at=checkin_at,
            no_checkin_reason=no_checkin_reason,
            missing=missing,
        )

    def show_words(self, logistics: Logistics) -> str:
        """Show the four words of a matter of logistics: the caller says two, the called two."""
        return show_code(logistics.handover_code)

    def compare_words(self, logistics: Logistics, spoken: str, *, called: bool) -> bool:
        """Say whether somebody on the phone said their half of the words.

        Args:
            logistics: As it was shown.
            spoken: Two words.
            called: Whether the one who was called says them.

        Raises:
            ContentRefused: These are not two words of the list: nothing was compared.
        """
        return is_code(logistics.handover_code, spoken, called=called)

    def _choose(
        self, event_type: str, called: Iterable[AgencyId], lead: Addressee | None
    ) -> LeadChoice:
        directory, mine = self._agent.directory, self._agent.keyring.agency
        order = [mine, *called]
        roles = {
            agency: frozenset(role for held in directory.devices_of(agency) for role in held.roles)
            for agency in order
        }
        choice = choose_lead(event_type, roles, order)
        if lead is None:
            return choice
        named = self._find_agency(lead)
        if named not in order:
            raise ContentRefused("lead", "is not called: name it among the partners.")
        others = (choice.agency, *choice.fallback)
        return LeadChoice(named, None, tuple(held for held in others if held != named))

    async def _find_verified(self, alert: bytes | None, stated: str | None) -> str:
        if alert is None:
            return stated or "unverified"
        stands = (await find_alert(self._agent, alert)).verification
        if stated not in {None, stands}:
            raise ContentRefused("verify_state", f"is not how the alert stands, {stands}: omit it.")
        return stands

    async def _check_all(
        self, content: CrisisActivate, case: CaseRef, agencies: Iterable[AgencyId], basis: str
    ) -> None:
        for agency in agencies:
            said = await make_told(self._agent, content, case, agency, basis=basis)
            await self._agent.check_widening(said, (agency,))
            await check_allowed(self._agent, said, (agency,))
