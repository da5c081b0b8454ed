"""A drill from its alert to its score: the same machinery as a crisis, and never one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.controls import without

from quietway import ContentRefused, DrillInject, LocationFound, NotFound
from quietway.cases import CASE_ALIAS, CaseBook
from quietway.drilling.scenario import read_scenario
from quietway.speaking import find_agencies, speak
from quietway.testing import Sandbox
from quietway_schemas.content.debrief import ExposureRisk
from quietway_schemas.content.message import MessageText
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway import Client
    from quietway.drilling.drill import Drill
    from quietway.drilling.scoring import DrillScore
    from quietway_schemas.ids import ConversationId


ON_CALL = ("on_call_lead",)


class Joint:
    """Three agencies that practise together: the shelter runs a drill, the hospital is to lead."""

    def __init__(self, sandbox: Sandbox, *partners: str) -> None:
        self.sandbox = sandbox
        self.shelter = sandbox.agency("HARBOR-SHELTER", roles=("frontline_advocate", *ON_CALL))
        self.hospital = sandbox.agency(
            "MERCY-SOCIALWORK", roles=("hospital_social_worker", *ON_CALL)
        )
        self.clients = [self.shelter, self.hospital]
        if "METRO" in partners:
            self.police = sandbox.agency("METRO-POLICE", roles=("police_liaison", *ON_CALL))
            self.clients.append(self.police)
        sandbox.sync()
        self.drill: Drill = self.shelter.drills.start("missed-checkin", partners)
        sandbox.sync()

    def wait(self, seconds: float) -> None:
        self.sandbox.clock.advance(seconds)
        self.sandbox.sync()

    def answer(self) -> None:
        """Claim, verify, activate, huddle, note, close: what the script expects, in time."""
        self.hospital.alerts.claim(self.drill.alert_id)
        self.wait(60)
        self.hospital.alerts.verify(self.drill.alert_id, "partner_agency", "supports")
        self.wait(60)
        event = self.shelter.crises.activate(
            self.drill.case,
            criteria=self.drill.scenario.criteria,
            event_type=self.drill.scenario.event_type,
            partners=[client.agency_id for client in self.clients[1:]],
            alert=self.drill.alert_id,
            exercise=True,
        )
        self.sandbox.sync()
        for client in self.clients[1:]:
            client.crises.answer(event)
            self.sandbox.sync()
            self.sandbox.sync()
        lead = self.lead(event)
        for code in self.drill.scenario.expected.actions:
            lead.crises.add_action(event, code, due_at=self.sandbox.clock.now() + DAY)
        for client in self.clients:
            client.crises.note(event, ["took_part"])
            self.sandbox.sync()
        self.lead(event).crises.close(event, "stood_down", no_checkin_reason="exercise_ended")
        self.sandbox.sync()

    def lead(self, event: bytes) -> Client:
        agency = self.shelter.crises.show(event).lead
        return next(client for client in self.clients if client.agency_id == agency)

    def score(self) -> DrillScore:
        return self.shelter.drills.score(self.drill.drill_id)


@pytest.fixture
def joint() -> Iterator[Joint]:
    with Sandbox(seed=21) as sandbox:
        yield Joint(sandbox, "MERCY", "METRO")


@pytest.fixture
def pair() -> Iterator[Joint]:
    with Sandbox(seed=22) as sandbox:
        yield Joint(sandbox, "MERCY")


@pytest.mark.requirement("B15")
@pytest.mark.requirement("A28")
def test_a_joint_drill_runs_from_the_alert_to_a_score_and_a_review_that_all_share(
    joint: Joint,
) -> None:
    """B15: joint drills, scenarios, reflective practice. A28: never mixed with what is live."""
    joint.answer()
    score = joint.shelter.drills.end(joint.drill.drill_id)
    assert {part.name: part.verdict for part in score.parts} == dict.fromkeys(
        (part.name for part in score.parts), "met"
    )
    assert (score.outcome, score.missed_people, score.unexpected_people) == ("passed", 0, 0)
    assert [held.outcome for held in joint.shelter.drills.scores()] == ["passed"]
    assert joint.hospital.drills.scores() == []
    questions = joint.drill.scenario.questions
    assert {question.section for question in questions} >= {"timing", "exposure_risk"}
    joint.shelter.drills.reflect(
        joint.drill.drill_id,
        timing=["alert_in_time"],
        exposure_risks=[ExposureRisk(code="overheard")],
        texts={"timing": "We knew at once who had it."},
    )
    joint.sandbox.sync()
    for client in joint.clients:
        (review,) = client.reviews.list(exercise=True)
        assert [line.code for line in review.timing] == ["alert_in_time"]
        assert review.exercise
    demand_no_live_list_holds_it(joint)


def demand_no_live_list_holds_it(joint: Joint) -> None:
    joint.wait(20 * DAY / SECOND)
    for client in joint.clients:
        assert client.alerts.list(open_only=False) == []
        assert client.crises.list() == []
        assert client.reviews.list() == []
        assert client.cases.list() == []
        assert client.board.list() == []
        assert client.status.board() == []
        assert client.due.list() == []
        assert client.crises.list(exercise=True)
    assert joint.hospital.alerts.list(open_only=False, exercise=True)
    case = joint.shelter.cases.open()
    assert [held.case_ref for held in joint.shelter.cases.list()] == [case]


def test_control_where_a_drill_is_taken_for_real_it_stands_in_the_live_lists(
    pair: Joint, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.cases:mark_drill", lambda case: case)
    drill = pair.shelter.drills.start("unfounded", ["MERCY"])
    assert [held.case_ref for held in pair.shelter.cases.list()] != []
    assert drill.exercise


def test_injects_come_in_at_their_times_each_once_and_after_a_gap_at_once(pair: Joint) -> None:
    told: list[DrillInject] = []
    pair.shelter._client._agent.listeners.append(
        lambda event: told.append(event) if isinstance(event, DrillInject) else None
    )
    first, *others = pair.drill.scenario.injects
    pair.wait(first.at_s - 1)
    assert told == []
    pair.wait(1)
    pair.wait(0)
    assert [event.words for event in told] == [first.words]
    pair.answer()
    pair.wait(others[-1].at_s)
    assert [event.number for event in told] == list(range(len(others) + 1))
    sent = [
        held.content for held in pair.hospital.inbox() if held.content.type == "status.indicator"
    ]
    assert [held.exercise for held in sent] == [True] * len(sent)
    assert "checkin_on_time" in {getattr(held, "code", "") for held in sent}


def test_a_drill_is_a_row_that_a_new_start_reads_back(pair: Joint) -> None:
    pair.wait(pair.drill.scenario.injects[0].at_s)
    held = pair.shelter.drills.show(pair.drill.drill_id)
    assert (held.injected, held.lead) == (1, pair.hospital.agency_id)
    assert (held.scenario, held.expected) == (pair.drill.scenario, pair.drill.expected)
    # The case is known as a drill's from its alias's row alone.
    agent = pair.shelter._client._agent
    rows = pair.shelter._loop.run(agent.store.scan, CASE_ALIAS)
    book = CaseBook.restore(rows)
    assert book.is_drill(held.case, pair.shelter.agency_id)
    assert held.case not in book.list_opened(pair.shelter.agency_id)


def test_nothing_comes_in_after_the_end_and_the_first_score_stays(pair: Joint) -> None:
    first = pair.shelter.drills.end(pair.drill.drill_id)
    assert first.part("closing").verdict == "not_reached"
    pair.wait(DAY / SECOND)
    assert pair.shelter.drills.show(pair.drill.drill_id).injected == 0
    pair.shelter.drills.end(pair.drill.drill_id)
    (kept,) = pair.shelter.drills.scores()
    assert (kept.outcome, kept.closed_s) == ("to_improve", None)


def test_a_place_that_is_written_in_a_drill_fails_it_and_is_in_no_rules_count(
    pair: Joint,
) -> None:
    before = pair.shelter.guard.overrides().rates
    conversation = pair.shelter.alerts.show(pair.drill.alert_id).conversation
    with pytest.raises(LocationFound):
        pair.shelter._loop.run(
            speak_in_drill, pair.shelter, "She is at 12 Elm Street, Springfield.", conversation
        )
    score = pair.score()
    assert (score.outcome, score.guard_findings) == ("failed", 1)
    assert pair.shelter.guard.overrides().rates == before


async def speak_in_drill(client: Client, text: str, conversation: ConversationId) -> None:
    agent = client._client._agent
    content = MessageText(text=text, exercise=True)
    await speak(agent, content, to=find_agencies(agent, "MERCY"), conversation=conversation)


def test_a_drill_that_nobody_runs_here_is_told_by_its_id() -> None:
    with Sandbox(seed=22) as sandbox:
        shelter = sandbox.agency("HARBOR-SHELTER")
        for ask in (shelter.drills.show, shelter.drills.score, shelter.drills.end):
            with pytest.raises(NotFound, match="quietway drill list"):
                ask(bytes(16))
            with pytest.raises(NotFound):
                ask("no id")
        with pytest.raises(NotFound):
            shelter.drills.start("no-such-scenario")
        assert shelter.drills.list() == []
        assert len(shelter.drills.scenarios()) >= 8


def test_a_scenario_of_ones_own_is_run_like_one_of_the_library(pair: Joint) -> None:
    raw = pair.drill.scenario.raw.replace(b'name = "missed-checkin"', b'name = "our-own"')
    drill = pair.shelter.drills.start(read_scenario(raw), "MERCY")
    assert pair.shelter.drills.show(drill.drill_id).scenario.name == "our-own"
    with pytest.raises(ContentRefused):
        read_scenario(raw.replace(b"[expected]", b"[unexpected]"))
