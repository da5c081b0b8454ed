"""Crises for the blocking client: the same calls, waited for.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.crisis.sequence import USUAL_STEP_MS
from quietway_schemas.content.crisis import USUAL_TIME_BOX_MINUTES
from quietway_schemas.instants import MINUTE

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable, Mapping

    from quietway.blocking.loop import Loop
    from quietway.crisis.lead_rule import LeadChoice
    from quietway.faces.crises import AsyncCrises
    from quietway.reports import Sent, SentLogistics
    from quietway.speaking import Addressee
    from quietway.views.crises import Crisis
    from quietway_schemas.content.crisis import Logistics
    from quietway_schemas.ids import CaseRef, DeviceId
    from quietway_schemas.instants import Instant


class Crises:
    """Crises: who is called and takes part, what is said, done and decided."""

    def __init__(self, face: AsyncCrises, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def activate(
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
        """Activate a crisis; see `AsyncCrises.activate`."""
        return self._loop.run(
            self._face.activate,
            case,
            criteria=criteria,
            event_type=event_type,
            partners=partners,
            mode=mode,
            lead=lead,
            within_min=within_min,
            timebox_min=timebox_min,
            alert=alert,
            verify_state=verify_state,
            basis=basis,
            exercise=exercise,
        )

    def show_lead(self, event_type: str, partners: Addressee | Iterable[Addressee]) -> LeadChoice:
        """Say who would lead an event of a kind; see `AsyncCrises.show_lead`."""
        return self._loop.run(self._face.show_lead, event_type, partners)

    def list(self, *, exercise: bool = False) -> builtins.list[Crisis]:
        """List the events; see `AsyncCrises.list`."""
        return self._loop.run(self._face.list, exercise=exercise)

    def show(self, event_id: bytes | str) -> Crisis:
        """Show an event; see `AsyncCrises.show`."""
        return self._loop.run(self._face.show, event_id)

    def say(self, event_id: bytes | str, text: str) -> Sent:
        """Say a text to all who take part, and to nobody else; see `AsyncCrises.say`."""
        return self._loop.run(self._face.say, event_id, text)

    def add_action(
        self,
        event_id: bytes | str,
        code: str,
        *,
        owner: Addressee | None = None,
        due_at: Instant,
        owner_device: DeviceId | None = None,
        note: str | None = None,
    ) -> bytes:
        """Ask an agency that takes part for something, by a time; see `AsyncCrises.add_action`."""
        return self._loop.run(
            self._face.add_action,
            event_id,
            code,
            owner=owner,
            due_at=due_at,
            owner_device=owner_device,
            note=note,
        )

    def update_action(self, event_id: bytes | str, action_id: bytes, state: str) -> Sent:
        """Say how an action stands; see `AsyncCrises.update_action`."""
        return self._loop.run(self._face.update_action, event_id, action_id, state)

    def decide(self, event_id: bytes | str, text: str, *, rationale: str) -> Sent:
        """Log a decision, and on what it rests; see `AsyncCrises.decide`."""
        return self._loop.run(self._face.decide, event_id, text, rationale=rationale)

    def set_checkin(
        self,
        event_id: bytes | str,
        at: Instant | None = None,
        *,
        no_checkin_reason: str | None = None,
    ) -> Sent:
        """Say when all meet again; see `AsyncCrises.set_checkin`."""
        return self._loop.run(
            self._face.set_checkin, event_id, at, no_checkin_reason=no_checkin_reason
        )

    def summary(
        self, event_id: bytes | str, *, text: str | None = None, final: bool = False
    ) -> Sent:
        """Say to all who take part where the event stands; see `AsyncCrises.summary`."""
        return self._loop.run(self._face.summary, event_id, text=text, final=final)

    def send_logistics(
        self,
        event_id: bytes | str,
        kind: str,
        *,
        to: Iterable[DeviceId],
        window_from: Instant,
        window_to: Instant,
        expires: Instant | None = None,
    ) -> SentLogistics:
        """Tell up to three devices what is arranged; see `AsyncCrises.send_logistics`."""
        return self._loop.run(
            self._face.send_logistics,
            event_id,
            kind,
            to=to,
            window_from=window_from,
            window_to=window_to,
            expires=expires,
        )

    def show_words(self, logistics: Logistics) -> str:
        """Show the four words of a matter of logistics; see `AsyncCrises.show_words`."""
        return self._face.show_words(logistics)

    def compare_words(self, logistics: Logistics, spoken: str, *, called: bool) -> bool:
        """Say whether somebody said their half of the words; see `AsyncCrises.compare_words`."""
        return self._face.compare_words(logistics, spoken, called=called)

    def note(self, event_id: bytes | str, codes: Iterable[str], *, text: str | None = None) -> Sent:
        """Write down what this agency did; see `AsyncCrises.note`."""
        return self._loop.run(self._face.note, event_id, codes, text=text)

    def close(
        self,
        event_id: bytes | str,
        outcome: str,
        *,
        checkin_at: Instant | None = None,
        no_checkin_reason: str | None = None,
        missing: Mapping[Addressee, str] | None = None,
    ) -> Sent:
        """Close an event that this agency leads; see `AsyncCrises.close`."""
        return self._loop.run(
            self._face.close,
            event_id,
            outcome,
            checkin_at=checkin_at,
            no_checkin_reason=no_checkin_reason,
            missing=missing,
        )

    def answer(self, event_id: bytes | str, answer: str = "accept") -> Sent:
        """Say that this device's person takes part, or can't; see `AsyncCrises.answer`."""
        return self._loop.run(self._face.answer, event_id, answer)

    def invite(
        self, event_id: bytes | str, who: Addressee | DeviceId, *, role: str | None = None
    ) -> None:
        """Call a further partner; see `AsyncCrises.invite`."""
        self._loop.run(self._face.invite, event_id, who, role=role)

    def remove(self, event_id: bytes | str, who: Addressee | DeviceId) -> Sent:
        """Put a device out; see `AsyncCrises.remove`."""
        return self._loop.run(self._face.remove, event_id, who)

    def leave(self, event_id: bytes | str) -> Sent:
        """Take part no more; see `AsyncCrises.leave`."""
        return self._loop.run(self._face.leave, event_id)

    def assign_role(self, event_id: bytes | str, device: DeviceId, role: str) -> Sent:
        """Say what somebody who takes part does there; see `AsyncCrises.assign_role`."""
        return self._loop.run(self._face.assign_role, event_id, device, role)

    def hand_over(self, event_id: bytes | str, to: DeviceId) -> Sent:
        """Ask somebody who takes part to lead; see `AsyncCrises.hand_over`."""
        return self._loop.run(self._face.hand_over, event_id, to)

    def accept_lead(self, event_id: bytes | str) -> Sent:
        """Accept to lead; see `AsyncCrises.accept_lead`."""
        return self._loop.run(self._face.accept_lead, event_id)

    def decline_lead(self, event_id: bytes | str) -> Sent:
        """Decline to lead: the other one goes on; see `AsyncCrises.decline_lead`."""
        return self._loop.run(self._face.decline_lead, event_id)

    def succeed(self, event_id: bytes | str) -> Sent:
        """Go on for a colleague whose device is lost or revoked; see `AsyncCrises.succeed`."""
        return self._loop.run(self._face.succeed, event_id)
