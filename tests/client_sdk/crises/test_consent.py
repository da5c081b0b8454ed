"""A huddle asks first: each agency, each time, and whoever may not be told is left out at once."""

from __future__ import annotations

import pytest
from tests.client_sdk.crises.huddle import HOSPITAL, POLICE, Huddle, count_to
from tests.controls import without

from quietway.errors import NotPermitted
from quietway.policy.question import Ground, Question
from quietway.policy.rulings import Ruling, rule
from quietway_schemas.ids import AgencyId

WHO = AgencyId(b"w" * 16)


def ask(ground: Ground, **changes: object) -> Ruling:
    asked: dict[str, object] = {
        "recipient": WHO,
        "kind": "huddle.message",
        "now": 1,
        "categories": frozenset({"narrative", "status"}),
        "purpose": "crisis_response",
        "scope": "huddle_participation",
    }
    return rule(Question(**{**asked, **changes}), ground)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ground", "changes", "answer"),
    [
        (Ground(), {}, "P61"),
        (Ground(), {"to_source": True}, "P41"),
        (Ground(), {"exercise": True}, "P41"),
        (Ground(), {"scope": None}, "P41"),
        (Ground(vouched="survivor_release"), {}, "P51"),
        (Ground(vouched="court_order"), {}, "P51"),
        (Ground(vouched="survivor_release", identified=True), {}, "P51"),
        (Ground(vouched="survivor_release"), {"scope": None, "categories": {"legal"}}, "P60"),
        (Ground(vouched="survivor_release"), {"identifying": True}, "P15"),
        (Ground(), {"basis": "court_order"}, "P16"),
        (Ground(), {"basis": "court_order", "basis_reference": "12 C 34"}, "P31"),
    ],
)
def test_what_is_said_in_a_huddle_needs_a_release_or_the_word_of_who_has_one(
    ground: Ground, changes: dict[str, object], answer: str
) -> None:
    if "categories" in changes:
        changes = changes | {"categories": frozenset({"legal"})}
    assert ask(ground, **changes).rule == answer


def test_without_a_release_or_a_law_nobody_is_called() -> None:
    with Huddle(HOSPITAL, POLICE, released=False) as huddle:
        hospital, police = huddle.partners
        huddle.release(hospital)
        with pytest.raises(NotPermitted) as refused:
            huddle.activate()
        assert (refused.value.agency, refused.value.ruling.rule) == ("METRO", "P61")
        assert huddle.shelter.crises.list() == []
        assert hospital.crises.list() == []
        # A law is stated as what it is; that it is urgent is no ground.
        with pytest.raises(NotPermitted):
            huddle.activate(basis="court_order")
        huddle.shelter.consent.record_basis(
            huddle.case, police.agency_id, basis="court_order", reference="12 C 34"
        )
        huddle.open(basis="court_order")
        (party,) = [
            held
            for held in huddle.show(hospital).membership.statements[-1].content.parties
            if held.agency == police.agency_id
        ]
        assert (party.ground, party.vouched_by) == ("court_order", huddle.shelter.agency_id)
        # The hospital has no release for the police, and relies on who brought them in.
        huddle.say(hospital, "Can you hear us?")
        huddle.sandbox.sync()
        assert huddle.texts(police) == ["Can you hear us?"]


def test_a_pause_stops_what_goes_to_that_agency_at_once_and_nothing_else() -> None:
    with Huddle(HOSPITAL, POLICE) as huddle:
        huddle.open()
        hospital, police = huddle.partners
        huddle.sandbox.relay.offline = True
        huddle.say(huddle.shelter, "Waiting.")
        huddle.sandbox.relay.offline = False
        huddle.shelter.consent.pause(huddle.case, police.agency_id)
        huddle.say(huddle.shelter, "After the pause.")
        huddle.sandbox.sync()
        assert huddle.texts(police) == []
        assert huddle.texts(hospital) == ["Waiting.", "After the pause."]
        # Everybody else knows, and leaves them out too.
        assert {held.agency for held in huddle.show(hospital).members} == {
            huddle.shelter.agency_id,
            hospital.agency_id,
        }
        before = count_to(huddle, police)
        huddle.say(hospital, "We leave them out as well.")
        huddle.sandbox.sync()
        assert count_to(huddle, police) == before


def test_who_vouched_and_does_not_lead_any_more_stops_it_for_all() -> None:
    with Huddle(HOSPITAL, POLICE) as huddle:
        huddle.open()
        hospital, police = huddle.partners
        huddle.shelter.crises.hand_over(huddle.event, hospital.device_id)
        huddle.sandbox.sync()
        hospital.crises.accept_lead(huddle.event)
        huddle.sandbox.sync()
        huddle.sandbox.sync()
        huddle.shelter.consent.pause(huddle.case, police.agency_id)
        huddle.sandbox.sync()
        assert police.agency_id not in {held.agency for held in huddle.show(hospital).members}
        before = count_to(huddle, police)
        huddle.say(hospital, "Without them.")
        huddle.sandbox.sync()
        assert count_to(huddle, police) == before
        assert huddle.texts(huddle.shelter) == ["Without them."]


def test_without_asking_a_paused_agency_would_go_on_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: were nobody asked about, the paused agency would be told."""
    with Huddle(HOSPITAL) as huddle:
        huddle.open()
        hospital = huddle.partners[0]
        without(
            monkeypatch,
            "quietway.consent.asking:rule",
            lambda *_: Ruling(allowed=True, rule="P41", basis="non_identifying"),
        )
        huddle.shelter.consent.pause(huddle.case, hospital.agency_id)
        before = count_to(huddle, hospital)
        huddle.say(huddle.shelter, "After the pause.")
        assert count_to(huddle, hospital) > before
