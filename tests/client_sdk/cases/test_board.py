"""The board: exactly four columns, coded, expiring, and as much of it as a device's roles show."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.cases.told import ADVOCATE, three, two
from tests.controls import without

from quietway.errors import ContentRefused, NotFound, RoleRefused
from quietway.views.board import CaseBoard
from quietway_schemas.instants import DAY, HOUR

if TYPE_CHECKING:
    from quietway.testing import Sandbox


@pytest.mark.requirement("A09")
def test_the_board_shows_four_columns_and_each_line_says_who_since_when_and_until_when(
    sandbox: Sandbox,
) -> None:
    """A09: safety status, current barriers, urgent actions; no living location."""
    shelter, hospital, case, theirs = two(sandbox)
    now = sandbox.clock.now()
    shelter.board.set_barrier(case, "pet_care")
    shelter.board.set_action(case, "arrange_interpreter", to="MERCY", due_at=now + HOUR)
    shelter.board.set_relocation(case, ["delay_decision", "shelter_in_network"])
    sandbox.sync()
    (board,) = hospital.board.list()
    assert board == hospital.board.show(theirs)
    columns = {"safety", "barriers", "actions", "relocation"}
    assert {held.name for held in fields(CaseBoard)} == {"case_ref", "sharing_paused", *columns}
    lines = {name: getattr(board, name) for name in columns}
    assert {name: [(line.code, line.state) for line in held] for name, held in lines.items()} == {
        "safety": [("advocate_assigned", "active")],
        "barriers": [("pet_care", "present")],
        "actions": [("arrange_interpreter", "open")],
        "relocation": [("undecided", "undecided")],
    }
    for held in lines.values():
        assert held[0].agency == shelter.agency_id
        assert held[0].program == SHELTER
        assert held[0].since <= sandbox.clock.now() < held[0].until


@pytest.mark.requirement("A09")
def test_every_value_ends_by_itself(sandbox: Sandbox) -> None:
    """A09: current barriers: what nobody repeats is not current for ever."""
    shelter, hospital, case, theirs = two(sandbox)
    shelter.board.set_barrier(case, "pet_care")
    sandbox.sync()
    last = hospital.board.show(theirs).barriers[0].until
    sandbox.clock.advance((last - sandbox.clock.now()) / 1_000 - 1)
    assert hospital.board.show(theirs).barriers != ()
    sandbox.clock.advance(1)
    assert hospital.board.show(theirs).barriers == ()


def test_whoever_owns_an_action_says_that_it_is_done_and_both_sides_see_it(
    sandbox: Sandbox,
) -> None:
    shelter, hospital, case, theirs = two(sandbox)
    due = sandbox.clock.now() + HOUR
    shelter.board.set_action(case, "arrange_medical", to="MERCY", due_at=due)
    sandbox.sync()
    (line,) = hospital.board.show(theirs).actions
    assert line.content.owner == "MERCY"
    sandbox.clock.advance(HOUR / 1_000)
    assert [held.overdue for held in hospital.board.show(theirs).actions] == [True]
    hospital.board.answer_action(theirs, line.content.action_id, "done")
    sandbox.sync()
    for client, ref in ((shelter, case), (hospital, theirs)):
        (shown,) = client.board.show(ref).actions
        assert (shown.state, shown.agency, shown.overdue) == ("done", hospital.agency_id, False)
    sandbox.clock.advance(DAY / 1_000 + 1)
    assert shelter.board.show(case).actions == hospital.board.show(theirs).actions == ()
    with pytest.raises(NotFound):
        shelter.board.answer_action(case, line.content.action_id, "open")


def test_an_action_that_is_due_already_or_has_no_owner_is_refused(sandbox: Sandbox) -> None:
    shelter, _, case, _ = two(sandbox)
    with pytest.raises(ContentRefused, match="due_at"):
        shelter.board.set_action(case, "call_lead", to="MERCY", due_at=sandbox.clock.now())
    with pytest.raises(ContentRefused, match="owner"):
        shelter.board.set_action(
            case, "call_lead", to="MERCY", due_at=sandbox.clock.now() + 1, owner="nobody"
        )


@pytest.mark.requirement("A55", "B30")
def test_relocation_takes_two_options_and_keeps_none_and_undecided_as_choices(
    sandbox: Sandbox,
) -> None:
    """A55, B30: granular options that match her goals; she chooses one, none, or not yet."""
    shelter, hospital, case, theirs = two(sandbox)
    with pytest.raises(ContentRefused, match="options"):
        shelter.board.set_relocation(case, ["temporary_within_safe_zone"])
    with pytest.raises(ContentRefused, match="survivor_choice"):
        shelter.board.set_relocation(
            case, ["delay_decision", "shelter_in_network"], survivor_choice="return_with_support"
        )
    for choice in ("undecided", "none", "temporary_within_safe_zone"):
        shelter.board.set_relocation(
            case,
            ["temporary_within_safe_zone", "delay_decision"],
            survivor_choice=choice,
            constraints=["pet", "children"],
            survivor_preference="step_by_step",
        )
        sandbox.sync()
        (line,) = hospital.board.show(theirs).relocation
        assert (line.code, line.content.survivor_preference) == (choice, "step_by_step")
        assert line.content.options == ("delay_decision", "temporary_within_safe_zone")


@pytest.mark.requirement("B23")
def test_what_the_survivor_prefers_is_said_with_the_options_and_not_asking_is_no_answer(
    sandbox: Sandbox,
) -> None:
    """B23: decisions center preferences: a preference stands with the options, as a code."""
    shelter, hospital, case, theirs = two(sandbox)
    options = ["delay_decision", "shelter_in_network"]
    shelter.board.set_relocation(case, options, survivor_preference="with_pet")
    sandbox.sync()
    (line,) = hospital.board.show(theirs).relocation
    assert line.content.survivor_preference == "with_pet"
    with pytest.raises(ContentRefused, match="survivor_preference"):
        shelter.board.set_relocation(case, options, survivor_preference="a room facing the sea")


@pytest.mark.requirement("A09")
def test_what_reveals_movement_is_shown_to_advocates_and_leads_alone(sandbox: Sandbox) -> None:
    """A09: no living location: nobody else is sent, or shown, where a survivor may go."""
    shelter = sandbox.agency(SHELTER, roles=ADVOCATE)
    sandbox.agency(HOSPITAL, roles=("hospital_social_worker",))
    case = shelter.cases.open()
    with pytest.raises(RoleRefused):
        shelter.board.set_relocation(case, ["delay_decision", "shelter_in_network"], to="MERCY")
    with pytest.raises(RoleRefused):
        shelter.status.set("relocation_complete", to="MERCY", case_ref=case)


def test_control_without_the_filter_a_role_that_lost_it_still_sees_relocation(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, hospital, case, theirs = two(sandbox)
    shelter.board.set_relocation(case, ["delay_decision", "shelter_in_network"])
    sandbox.sync()
    without(monkeypatch, "quietway.faces.board:my_roles", lambda _agent: ("shelter_staff",))
    assert hospital.board.show(theirs).relocation == ()
    assert hospital.board.show(theirs).safety != ()
    without(monkeypatch, "quietway.views.board:is_among", lambda _roles, _allowed: True)
    assert hospital.board.show(theirs).relocation != ()


@pytest.mark.requirement("B34")
def test_two_agencies_that_say_different_things_are_both_shown_and_marked(
    sandbox: Sandbox,
) -> None:
    """B34: no conflicting messages go unseen: both lines stand, and say that they differ."""
    shelter, hospital, case, theirs = two(sandbox)
    shelter.board.set_barrier(case, "childcare", "present")
    hospital.board.set_barrier(theirs, "childcare", "resolved", to="HARBOR")
    hospital.board.set_barrier(theirs, "language_access", to="HARBOR")
    sandbox.sync()
    for client, ref in ((shelter, case), (hospital, theirs)):
        lines = client.board.show(ref).barriers
        assert {(line.code, line.state, line.differs) for line in lines} == {
            ("childcare", "present", True),
            ("childcare", "resolved", True),
            ("language_access", "present", False),
        }
    hospital.board.set_barrier(theirs, "childcare", "present", to="HARBOR")
    sandbox.sync()
    assert not any(line.differs for line in shelter.board.show(case).barriers)


def test_saying_it_to_nobody_named_tells_all_that_the_case_is_spoken_of_with_and_no_one_else(
    sandbox: Sandbox,
) -> None:
    shelter, hospital, police, case = three(sandbox)
    other = shelter.cases.open()
    shelter.status.set("advocate_assigned", to="MERCY", case_ref=other)
    shelter.board.set_barrier(case, "pet_care")
    shelter.board.set_barrier(other, "childcare")
    sandbox.sync()
    shown = [
        [line.code for board in client.board.list() for line in board.barriers]
        for client in (hospital, police)
    ]
    assert [sorted(codes) for codes in shown] == [["childcare", "pet_care"], ["pet_care"]]
    with pytest.raises(ContentRefused, match="shared with nobody"):
        shelter.board.set_barrier(shelter.cases.open(), "pet_care")


def test_a_status_that_names_no_case_is_no_case_and_hides_none(sandbox: Sandbox) -> None:
    _, hospital, _, theirs = two(sandbox)
    other = sandbox.agency("CITYPD-LIAISON")
    other.status.set("order_served", to=["MERCY"])
    hospital.sync()
    assert "order_served" in {held.code for held in hospital.status.board()}
    assert [held.case_ref for held in hospital.cases.list()] == [theirs]
