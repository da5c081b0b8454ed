"""A drill is in no list of what is: every face that lists or counts is walked, with a control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import WHOLE_REFERRAL
from tests.client_sdk.two_agencies import Two, say
from tests.controls import without

from quietway.cases import mark_drill, write_alias
from quietway.own.sharing import write_shared
from quietway.testing import Sandbox
from quietway_schemas.content.case import BarrierUpdate, UrgentAction
from quietway_schemas.content.contact import ClarificationRequest, ContactLog, SystemProblem
from quietway_schemas.content.coordination import AdvocateRequest, Escalation
from quietway_schemas.content.status import StatusIndicator
from quietway_schemas.ids import CaseRef, ReferralRef
from quietway_schemas.instants import DAY, HOUR, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from quietway import Client
    from quietway_schemas.content.base import ContentModel

CASE = CaseRef(b"d" * 16)


@pytest.fixture
def drilled() -> Iterator[Two]:
    """Two agencies between which one of everything was said, all of it in a drill."""
    with Sandbox(seed=9) as sandbox:
        two = Two(sandbox)
        sent = two.hospital.referrals.send("HARBOR", **WHOLE_REFERRAL, exercise=True)
        assert sent.referral_ref is not None
        for content in one_of_each(sandbox.clock.now(), sent.referral_ref):
            if content.type == "escalation":
                say(two, "hospital", content, conversation=sent.conversation)
            else:
                say(two, "hospital", content)
        sandbox.sync()
        sandbox.clock.advance(12 * HOUR / SECOND)
        yield two


def one_of_each(now: int, ref: ReferralRef) -> list[ContentModel]:
    drill: dict[str, object] = {"exercise": True, "case_ref": CASE}
    value = drill | {"nonce": bytes(16), "supersedes": ()}
    return [
        StatusIndicator.model_validate(
            drill
            | {
                "code": "heightened_concern",
                "state": "active",
                "effective": now,
                "expires": now + 30 * DAY,
                "confidence": "confirmed",
            }
        ),
        BarrierUpdate.model_validate(
            value
            | {
                "code": "pet_care",
                "state": "present",
                "since": "2026-11",
                "expires": now + 90 * DAY,
            }
        ),
        UrgentAction.model_validate(
            value
            | {
                "action_id": bytes(16),
                "code": "call_lead",
                "owner": "HARBOR",
                "due_at": now + HOUR,
                "state": "open",
            }
        ),
        Escalation.model_validate(
            {
                "exercise": True,
                "escalation_id": bytes(16),
                "subject": ref,
                "level": 1,
                "reason_code": "no_acknowledgement",
                "raised_at": now,
                "due_at": now + HOUR,
            }
        ),
        AdvocateRequest.model_validate(
            drill
            | {
                "requester_role": "hospital_social_worker",
                "urgency": "urgent",
                "survivor_wants_contact": "yes",
                "at": now,
            }
        ),
        ClarificationRequest(
            exercise=True, topic_code="technical", text="Which?", cross_cutting=True
        ),
        ContactLog(
            exercise=True,
            at=now,
            interaction_type="phone",
            purpose_code="status_update",
            outcome_code="reached",
            parties=("HARBOR", "MERCY"),
        ),
        SystemProblem(exercise=True, code="other", text="It was slow.", agenda=True),
    ]


def walk(client: Client) -> dict[str, Callable[[], object]]:
    """Every face that lists or counts, by a name for whoever reads the failure."""
    now = client.now()
    return {
        "advocates": client.referrals.advocates,
        "agenda": client.contacts.agenda,
        "attachments": client.attachments.list,
        "board": client.board.list,
        "cases": client.cases.list,
        "cases due": client.cases.due,
        "contacts": client.contacts.log,
        "due": client.due.list,
        "escalations": client.escalations.list,
        "figures": lambda: client.cases.indicators(now - 90 * DAY, now + DAY).values,
        "questions": client.contacts.questions,
        "referrals": client.referrals.list,
        "statuses": client.status.board,
    }


@pytest.mark.requirement("A28")
def test_no_face_that_lists_or_counts_holds_anything_of_a_drill(drilled: Two) -> None:
    """A28: drills have their own namespace and never mix with live figures."""
    for client in (drilled.shelter, drilled.hospital):
        for name, ask in walk(client).items():
            found = ask()
            told = any(found.values()) if isinstance(found, Mapping) else found
            assert not told, name
    assert len(drilled.shelter.referrals.list(exercise=True)) == 1
    assert all(held.content.exercise for held in drilled.shelter.inbox())


def test_control_without_the_question_most_lists_hold_the_drill(
    monkeypatch: pytest.MonkeyPatch, drilled: Two
) -> None:
    for room in ("exercises", "ledger"):
        without(monkeypatch, f"quietway.{room}:is_exercise", lambda _: False)
    drilled.shelter._client._agent.ledger.__init__(drilled.shelter._client._agent)  # type: ignore[misc]
    faces = walk(drilled.shelter)
    for name in ("advocates", "board", "contacts", "due", "escalations", "referrals", "statuses"):
        assert faces[name](), name


def test_what_is_said_in_a_drill_about_a_real_case_is_not_in_that_case(drilled: Two) -> None:
    shelter = drilled.shelter
    case = shelter.cases.open()
    shelter.status.set("safety_plan_active", to="MERCY", case_ref=case, exercise=True)
    assert shelter.cases.find(case).last_at == 0
    assert not shelter.cases.timeline(case)
    assert not shelter.board.list()
    shelter.status.set("safety_plan_active", to="MERCY", case_ref=case)
    assert len(shelter.cases.timeline(case)) == 1


def test_the_case_of_a_drill_is_in_no_list_on_any_device_of_its_agency(drilled: Two) -> None:
    shelter = drilled.shelter
    agent = shelter._client._agent
    own = agent.keyring.agency
    row = write_alias(CASE, own, mark_drill(CASE))
    shelter._loop.run(write_shared, agent, row)
    agent.cases.add(CASE, own, mark_drill(CASE))
    assert agent.cases.is_drill(CASE, own)
    assert shelter.cases.list() == []
    real = shelter.cases.open()
    assert [held.case_ref for held in shelter.cases.list()] == [real]
    assert not agent.cases.is_drill(real, own)
