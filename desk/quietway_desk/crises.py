"""An event in words: who leads, who takes part, what is to be done, what was decided and said.

Rules: a drill says so in its first word. What is arranged shows its four words and no place, for it
has none. Times are local, and what is overdue says so.

Spec: docs/reference/desk.md, "quietway crisis".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.codes import label_of
from quietway_desk.naming import call_device, call_id
from quietway_desk.screen import show_facts, warn
from quietway_desk.times import show_clock, show_instant, write_instant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway import Client, Crisis
    from quietway.content import AgencyId
    from quietway_desk.screen import Facts

TEXTS_SHOWN: Final = 10
FORKED: Final = (
    "The device that leads told two stories of who takes part; only those in both do. "
    "Another device of the agency that leads goes on: quietway crisis succeed"
)
BEHIND: Final = "Words of who takes part are missing; the last one counts until they are here."


class Teller:
    """Tells an event as one device sees it.

    Args:
        client: Of that device.
        crisis: The event.
    """

    def __init__(self, client: Client, crisis: Crisis) -> None:
        self._client = client
        self._crisis = crisis
        self._codes = {held.agency_id: held.agency_code for held in client.partners.list()}
        self._codes[client.agency_id] = client.program.partition("-")[0]

    def show(self) -> None:
        """Show all of it."""
        crisis = self._crisis
        if crisis.exercise:
            warn("EXERCISE. This is a drill, and about nobody.")
        drill = "EXERCISE: " if crisis.exercise else ""
        kind = label_of("event_type", crisis.activation.event_type)
        show_facts(f"{drill}CRISIS: {kind}", self._list_what())
        show_facts(f"{drill}Who takes part", self._list_members())
        self._show_where_any("To do", self._list_actions())
        self._show_where_any("Decided", self._list_decisions())
        self._show_where_any("Arranged, without a place", self._list_logistics())
        self._show_where_any("Said", self._list_texts())

    def tell_line(self) -> str:
        """Tell in one line what it is and how it stands."""
        crisis = self._crisis
        drill = "EXERCISE  " if crisis.exercise else ""
        return (
            f"{drill}{show_instant(crisis.opened_at)}  {call_id(crisis.event_id)}  "
            f"{label_of('event_type', crisis.activation.event_type)}: "
            f"{label_of('event_state', crisis.state)}, led by {self._call(crisis.lead)}"
        )

    def write(self) -> dict[str, object]:
        """Give it as a record for `--json`."""
        crisis = self._crisis
        return {
            "event_id": crisis.event_id.hex(),
            "name": call_id(crisis.event_id),
            "exercise": crisis.exercise,
            "case": str(crisis.case),
            "state": crisis.state,
            "event_type": crisis.activation.event_type,
            "criteria": list(crisis.activation.criteria),
            "verify_state": crisis.activation.verify_state,
            "lead": self._call(crisis.lead),
            "opened_at": write_instant(crisis.opened_at),
            "checkin_at": "" if crisis.checkin_at is None else write_instant(crisis.checkin_at),
            "epoch": crisis.epoch,
            "members": [
                {
                    "agency": self._call(seat.agency),
                    "device": str(seat.device),
                    "name": call_device(seat.device),
                    "role": seat.role,
                }
                for seat in crisis.members
            ],
            "actions": [
                {
                    "action_id": held.action_id.hex(),
                    "name": call_id(held.action_id),
                    "code": held.code,
                    "owner": self._call(held.owner),
                    "due_at": write_instant(held.due_at),
                    "state": held.state,
                    "overdue": held.is_overdue(self._client.now()),
                }
                for held in crisis.actions
            ],
            "decisions": [
                {"rationale": held.rationale, "by": self._call(held.by), "text": held.text}
                for held in crisis.decisions
            ],
            "messages": [
                {"by": self._call(held.agency), "at": write_instant(held.at), "text": held.text}
                for held in crisis.messages
            ],
        }

    def _show_where_any(self, title: str, facts: Facts) -> None:
        if facts:
            show_facts(f"EXERCISE: {title}" if self._crisis.exercise else title, facts)

    def _list_what(self) -> Facts:
        crisis, first = self._crisis, self._crisis.activation
        because = self._join(label_of("crisis_criterion", code) for code in first.criteria)
        facts: Facts = [
            ("State", label_of("event_state", crisis.state)),
            ("Led by", self._call(crisis.lead)),
            ("Because", because),
            ("Verified", label_of("verification_state", first.verify_state)),
            ("By", label_of("communication_mode", first.mode)),
            ("Since", show_instant(crisis.opened_at)),
            ("Check-in", self._tell_checkin()),
            ("Case", str(crisis.case)),
            ("Event", call_id(crisis.event_id)),
        ]
        if crisis.membership.forked:
            facts.append(("WARNING", FORKED))
        if crisis.membership.behind:
            facts.append(("Note", BEHIND))
        if crisis.refused:
            facts.append(("Note", f"Not counted, for it was not theirs to say: {crisis.refused}."))
        return facts

    def _tell_checkin(self) -> str:
        checkin = self._crisis.checkin
        if checkin is None:
            return "NOT NAMED YET. It closes only with one, or with why there is none."
        if checkin.at is not None:
            return show_instant(checkin.at)
        return f"None: {label_of('no_checkin_reason', checkin.no_checkin_reason or '')}"

    def _list_members(self) -> Facts:
        crisis = self._crisis
        owner = crisis.owner
        facts: Facts = [
            (
                self._call(seat.agency),
                (
                    f"{label_of('huddle_role', seat.role)} ({call_device(seat.device)})"
                    f"{', this device' if seat.device == crisis.me else ''}"
                    f"{', says who takes part' if owner is not None and seat == owner else ''}"
                ),
            )
            for seat in crisis.members
        ]
        there = {seat.agency for seat in crisis.members}
        facts += [
            (self._call(held.agency), label_of("crisis_answer", held.answer))
            for held in crisis.answers
            if held.agency not in there
        ]
        answered = {held.agency for held in crisis.answers} | there
        facts += [
            (self._call(agency), "called, and has not answered yet")
            for agency in crisis.activation.parties
            if agency not in answered
        ]
        return facts

    def _list_actions(self) -> Facts:
        now = self._client.now()
        return [
            (
                call_id(held.action_id),
                (
                    f"{label_of('urgent_action', held.code)}: {self._call(held.owner)}, until "
                    f"{show_instant(held.due_at)}; {label_of('action_state', held.state)}"
                    f"{' and OVERDUE' if held.is_overdue(now) else ''}"
                    f"{f'. {held.note}' if held.note else ''}"
                ),
            )
            for held in self._crisis.actions
        ]

    def _list_decisions(self) -> Facts:
        return [
            (
                show_clock(held.at),
                (
                    f"{self._call(held.by)}: {held.text} "
                    f"({label_of('decision_rationale', held.rationale)})"
                ),
            )
            for held in self._crisis.decisions
        ]

    def _list_logistics(self) -> Facts:
        facts: Facts = []
        for held in self._crisis.logistics:
            span = f"{show_instant(held.window_from)} to {show_instant(held.window_to)}"
            words = self._client.crises.show_words(held)
            facts += [
                (label_of("logistics_kind", held.kind), span),
                ("The place", f"by voice, after these words: {words}"),
                ("Who says what", "the caller the first two, whoever is called the last two"),
            ]
        return facts

    def _list_texts(self) -> Facts:
        return [
            (show_clock(held.at), f"{self._call(held.agency)}: {held.text}")
            for held in self._crisis.messages[-TEXTS_SHOWN:]
        ]

    def _call(self, agency: AgencyId) -> str:
        return self._codes.get(agency, str(agency))

    def _join(self, labels: Iterable[str]) -> str:
        return "; ".join(labels)
