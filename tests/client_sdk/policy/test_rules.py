"""The rules one by one: what a caseworker asks for, and which rule answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.controls import without

from quietway.errors import NotPermitted
from quietway.policy import rulings
from quietway.policy.absolute import Stance
from quietway.policy.agreements import Cell, Matrix
from quietway.policy.categories import (
    LISTED,
    categories_of,
    identifies,
    purpose_of,
    scope_of,
)
from quietway.policy.question import Ground, Question
from quietway.policy.releases import Release, WindowVersion
from quietway.policy.rulings import RULES, Ruling, rule
from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.message import MessageText
from quietway_schemas.content.registry import CONTENT_TYPES
from quietway_schemas.content.status import StatusIndicator
from quietway_schemas.ids import AgencyId, CaseRef
from quietway_schemas.instants import DAY, HOUR
from quietway_schemas.locale import read_catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

SHELTER: Final = AgencyId(b"s" * 16)
COURT: Final = AgencyId(b"c" * 16)
NOW: Final = 1_000 * DAY
ADVOCATE, POLICE, LEGAL = (
    frozenset({held}) for held in ("frontline_advocate", "police_liaison", "legal_aid")
)
RELEASE: Final = Release(
    consent_id=b"r" * 16,
    stance=Stance.GRANTED,
    scopes=frozenset({"safehouse"}),
    categories=frozenset({"identity", "narrative", "services"}),
    purposes=frozenset({"service_referral"}),
    circumstances=None,
    opens=NOW - DAY,
    until=NOW + 30 * DAY,
)
CELL: Final = Cell(
    categories=frozenset({"identity", "narrative", "services", "status"}),
    recipients=frozenset({SHELTER}),
    roles=frozenset(),
    purposes=frozenset({"service_referral"}),
    retention_days=30,
    identifying=True,
)
AGREEMENT: Final = Matrix(
    agreement_id=b"a" * 16, cells=(CELL,), effective=NOW - DAY, expires=NOW + 90 * DAY
)


def _ask(**said: Any) -> Question:
    usual: dict[str, Any] = {
        "recipient": SHELTER,
        "kind": "referral.packet",
        "now": NOW,
        "categories": frozenset({"narrative", "services"}),
        "purpose": "service_referral",
        "roles_there": (ADVOCATE,),
    }
    return Question(**{**usual, **said})


def _name(**said: Any) -> Question:
    return _ask(
        **{
            "identifying": True,
            "basis": "survivor_release",
            "categories": frozenset({"identity", "narrative", "services"}),
            **said,
        }
    )


RELEASED: Final = Ground(releases=(RELEASE,), identified=True)


@pytest.mark.requirement("B25", "A16")
def test_a_pseudonymous_referral_needs_no_release_and_names_none() -> None:
    """B25: consent-based channels; A16: the least is the default, and carries no consent's id."""
    assert rule(_ask(), Ground()) == Ruling(allowed=True, rule="P41", basis="non_identifying")


@pytest.mark.requirement("B04")
@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        ({"categories": frozenset({"identity", "health"})}, ("health",)),
        ({"purpose": "legal_process"}, ("legal_process",)),
        ({"scope": "legal"}, ("legal",)),
    ],
)
def test_a_release_covers_what_it_names_and_nothing_else(
    asked: dict[str, Any], missing: tuple[str, ...]
) -> None:
    """V14: category, purpose and scope are covered; B04: sharing goes by what was agreed to."""
    covered = rule(_name(scope="safehouse"), RELEASED)
    assert (covered.rule, covered.consent_id, covered.until) == ("P50", b"r" * 16, NOW + 30 * DAY)
    refused = rule(_name(**asked), RELEASED)
    assert (refused.allowed, refused.rule, refused.missing) == (False, "P66", missing)


def test_a_release_counts_in_its_time_alone() -> None:
    """V14: the time is covered."""
    assert rule(_name(now=NOW - 2 * DAY), RELEASED).rule == "P65"
    assert rule(_name(now=NOW + 30 * DAY - 1), RELEASED).allowed
    assert rule(_name(now=NOW + 30 * DAY), RELEASED).rule == "P64"


@pytest.mark.requirement("A20", "A07")
def test_a_release_for_some_circumstances_covers_those_alone() -> None:
    """A07, A20: what the survivor was asked, in which circumstances, is what counts."""
    narrow = replace(RELEASE, circumstances=frozenset({"court_event"}))
    ground = replace(RELEASED, releases=(narrow,))
    assert rule(_name(circumstance="court_event"), ground).allowed
    assert rule(_name(circumstance="planned_referral"), ground).missing == ("planned_referral",)
    assert rule(_name(), ground).missing == ("circumstance",)


@pytest.mark.requirement("A14")
def test_a_window_adds_for_its_time_and_its_circumstance() -> None:
    """A14: temporary disclosure in a critical window, which closes by itself."""
    window = WindowVersion(
        name=b"w" * 32,
        supersedes=frozenset(),
        stance=Stance.GRANTED,
        until=NOW + HOUR,
        added=frozenset({"health"}),
        circumstance="medical_emergency",
        opens=NOW,
    )
    ground = replace(RELEASED, releases=(replace(RELEASE, windows=(window,)),))
    asked = _name(categories=frozenset({"health", "identity"}), circumstance="medical_emergency")
    assert rule(asked, ground) == replace(rule(_name(), RELEASED), until=NOW + HOUR), (
        "the answer stands as long as the window"
    )
    for now in (NOW - 1, NOW + HOUR):
        assert rule(replace(asked, now=now), ground).missing == ("health",)
    assert not rule(replace(asked, circumstance=None), ground).allowed
    old = replace(window, opens=RELEASE.opens - 1)
    before = replace(RELEASED, releases=(replace(RELEASE, windows=(old,)),))
    assert not rule(asked, before).allowed, "a window of a release before this one"


@pytest.mark.parametrize(("stance", "by"), [(Stance.PAUSED, "P63"), (Stance.ENDED, "P62")])
def test_a_release_that_is_paused_or_revoked_stops_everything(stance: Stance, by: str) -> None:
    """V15: refused, named or not, and also where nobody there was told a name."""
    stopped = Release(consent_id=b"r" * 16, stance=stance)
    for identified in (True, False):
        ground = Ground(releases=(stopped,), identified=identified)
        assert rule(_name(), ground).rule == by
        assert rule(_ask(), ground).rule == by
    another = replace(RELEASE, consent_id=b"n" * 16)
    ground = Ground(releases=(stopped, another), identified=True)
    assert rule(_name(), ground).consent_id == b"n" * 16


@pytest.mark.parametrize(("stance", "by"), [(Stance.PAUSED, "P11"), (Stance.ENDED, "P10")])
def test_a_case_that_is_paused_with_an_agency_is_not_spoken_of(stance: Stance, by: str) -> None:
    """V15: whatever else would allow it; but what says so, and what undoes, arrives."""
    ground = replace(RELEASED, stance=stance, agreements=(AGREEMENT,))
    for asked in (_ask(), _name(), _name(basis="court_order", basis_reference="12-3")):
        assert rule(asked, ground).rule == by
    for kind in (
        "consent.lift",
        "consent.pause",
        "consent.revoke",
        "rollback.order",
        "purge.attestation",
    ):
        assert rule(_ask(kind=kind, categories=frozenset()), ground).rule == "P01"


@pytest.mark.parametrize("basis", [None, "non_identifying"])
def test_what_identifies_says_on_which_ground(basis: str | None) -> None:
    """V16: identifying content with the basis `non_identifying` is refused."""
    assert rule(_name(basis=basis), RELEASED).rule == "P15"


def test_an_alias_that_can_be_named_is_no_pseudonym(monkeypatch: pytest.MonkeyPatch) -> None:
    """V16: once told who it is, everything about the case needs a release; also after its end."""
    known = Ground(identified=True)
    assert rule(_ask(), known).rule == "P61"
    assert rule(_ask(basis="non_identifying"), known).rule == "P61"
    over = replace(RELEASED, releases=(replace(RELEASE, until=NOW),))
    assert rule(_ask(), over).rule == "P64"
    without(
        monkeypatch,
        "quietway.policy.rulings:counts_as_identifying",
        lambda question, _: question.identifying,
    )
    assert rule(_ask(), known).allowed, "the control does not control"


def test_the_agency_that_a_case_came_from_gets_its_answer_in_codes_alone() -> None:
    known = Ground(identified=True)
    codes = frozenset({"services"})
    assert rule(_ask(kind="referral.outcome", categories=codes, to_source=True), known).allowed
    assert rule(_ask(kind="message.text", to_source=True), known).rule == "P61"


@pytest.mark.parametrize(("basis", "by"), [("statutory_mandate", "P30"), ("court_order", "P31")])
def test_a_law_or_an_order_is_recorded_as_what_it_is(basis: str, by: str) -> None:
    for reference in (None, "  "):
        assert rule(_name(basis=basis, basis_reference=reference), Ground()).rule == "P16"
    ruling = rule(_name(basis=basis, basis_reference="RCW 26.44.030"), Ground())
    assert (ruling.rule, ruling.basis, ruling.notice_due) == (by, basis, True)
    assert ruling.consent_id is None


@pytest.mark.requirement("A33", "B24")
@pytest.mark.parametrize(
    ("change", "outside"),
    [
        ({"categories": frozenset({"identity", "services"})}, ("narrative",)),
        ({"recipients": frozenset({COURT})}, ("identity", "narrative", "services")),
        ({"purposes": frozenset({"legal_process"})}, ("identity", "narrative", "services")),
        ({"roles": LEGAL}, ("identity", "narrative", "services")),
        ({"identifying": False}, ("identity", "narrative", "services")),
    ],
)
def test_consent_and_agreement_must_both_allow_it(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], outside: tuple[str, ...]
) -> None:
    """A33: the intersection of agreement and consent; B24: what may go to which agency."""
    ground = replace(RELEASED, agreements=(AGREEMENT,))
    ruling = rule(_name(), ground)
    assert (ruling.agreement_id, ruling.retain_days) == (b"a" * 16, 30)
    narrow = replace(AGREEMENT, cells=(replace(CELL, **change),))
    refused = rule(_name(), replace(RELEASED, agreements=(narrow,)))
    assert (refused.rule, refused.missing) == ("P20", outside)
    assert rule(_name(), replace(ground, releases=())).rule == "P61"
    without(monkeypatch, "quietway.policy.rulings:find_limiting", lambda *_: ())
    assert rule(_name(), replace(RELEASED, agreements=(narrow,))).allowed


def test_an_agreement_allows_more_than_flows_without_one_and_limits_beyond_its_end() -> None:
    health = replace(CELL, categories=frozenset({"health", "services"}))
    agreement = replace(AGREEMENT, cells=(health,))
    asked = _ask(categories=frozenset({"health"}))
    assert rule(asked, Ground()).rule == "P60"
    assert rule(asked, Ground(agreements=(agreement,))).rule == "P40"
    over = Ground(agreements=(replace(agreement, expires=NOW),))
    assert rule(asked, over).rule == "P60"
    assert rule(_ask(), over).rule == "P20", "what it did not allow does not come back"
    later = Ground(agreements=(replace(agreement, effective=NOW + 1),))
    assert rule(_ask(), later).rule == "P41", "before it begins it limits nothing"


@pytest.mark.requirement("B18")
@pytest.mark.parametrize(
    ("compartment", "there", "by"),
    [
        ("investigation", (POLICE,), "P41"),
        ("investigation", (POLICE, ADVOCATE), "P13"),
        ("investigation", (), "P13"),
        ("advocate_confidential", (ADVOCATE,), "P41"),
        ("advocate_confidential", (ADVOCATE, POLICE), "P14"),
        ("advocate_confidential", (), "P14"),
    ],
)
def test_compartments_keep_police_and_confidences_apart(
    compartment: str, there: tuple[frozenset[str], ...], by: str
) -> None:
    """B18: advocate-confidential material is not addressable to police without a release."""
    asked = _ask(compartment=compartment, roles_there=there)
    assert rule(asked, Ground()).rule == by
    if by == "P14":
        assert rule(asked, Ground(releases=(RELEASE,))).allowed


@pytest.mark.requirement("A60")
def test_roles_count_as_they_are_now() -> None:
    """A60: access reflects current roles: whoever lost one is not answered by the former."""
    of_law = Ground(agreements=(replace(AGREEMENT, cells=(replace(CELL, roles=LEGAL),)),))
    assert rule(_ask(roles_there=(LEGAL, LEGAL | ADVOCATE)), of_law).allowed
    assert rule(_ask(roles_there=(LEGAL, ADVOCATE)), of_law).rule == "P20"
    assert rule(_ask(roles_there=()), of_law).rule == "P20", "nobody known has the role"


@pytest.mark.requirement("A49")
def test_a_program_by_itself_widens_no_audience() -> None:
    """A49: automation never widens an audience, and names nobody; a person may."""
    told = replace(RELEASED, told=True)
    assert rule(_name(automatic=True), told).rule == "P12"
    assert rule(_name(), told).allowed
    assert rule(_ask(automatic=True), Ground()).rule == "P12"
    assert rule(_ask(automatic=True), Ground(told=True)).allowed


@pytest.mark.requirement("B28")
def test_every_content_has_a_purpose_and_says_what_its_type_says() -> None:
    """B28: information travels purposefully: a purpose of use always goes into the question."""
    text = MessageText(case_ref=CaseRef(b"c" * 16), text="She asks for a bed.")
    assert purpose_of(text) == "safety_coordination"
    stated = text.model_copy(update={"purpose_of_use": "crisis_response"})
    assert purpose_of(stated) == "crisis_response"
    assert categories_of(text) == {"narrative"}
    named = MessageText(
        text="Her name.", identifiability="identifying", disclosure_basis="survivor_release"
    )
    assert identifies(named)
    assert categories_of(named) == {"identity", "narrative"}


@pytest.mark.requirement("A17")
def test_a_type_that_nobody_thought_of_says_everything() -> None:
    """A17: only what is listed is shared; what has no row needs a release of everything."""
    cases = {name for name, row in CONTENT_TYPES.items() if issubclass(row.model, CaseContent)}
    assert cases == LISTED
    unlisted = MessageText.model_construct(type="x.unknown", text="?")
    assert rule(_ask(categories=categories_of(unlisted)), Ground()).rule == "P61"
    assert rule(_ask(categories=frozenset({"location"})), RELEASED).missing == ("location",)


def test_linking_cases_takes_a_release_that_names_it() -> None:
    asked = _ask(kind="case.link", categories=frozenset({"services"}), scope="linkage")
    assert rule(asked, Ground()).rule == "P61"
    linking = replace(RELEASE, scopes=frozenset({"linkage"}))
    assert rule(asked, Ground(releases=(linking,))).rule == "P50"
    assert rule(asked, Ground(releases=(RELEASE,))).missing == ("linkage",)


def test_a_status_needs_the_scope_of_coordination() -> None:
    status = StatusIndicator(
        code="safety_plan_active", state="active", confidence="confirmed", effective=0, expires=DAY
    )
    assert scope_of(status) == "coordination_status"
    assert categories_of(status) == {"status"}


def test_every_rule_has_words_in_both_languages() -> None:
    words = read_catalogue("policy")
    for rule_id in [*RULES, "P31", "P61", "P62", "P63", "P64", "P65", "P66"]:
        for part in ("title", "why"):
            found = words[f"policy.{rule_id}.{part}"]
            assert found.english
            assert found.translated
    refused = Ruling(allowed=False, rule="P66", missing=("health", "?"))
    revoked = Ruling(allowed=False, rule="P62")
    assert revoked.explain("es").startswith("No permitido. La persona revocó")
    assert "Sin cubrir: salud, ?." in refused.explain("es")
    # Words are not made up for a language that is not here.
    assert refused.explain("xx") == refused.explain("en")


def test_a_refusal_says_the_rule_what_is_missing_and_what_to_do_next() -> None:
    refused = NotPermitted("MERCY", rule(_name(purpose="legal_process"), RELEASED))
    assert str(refused) == (
        "Nothing was sealed for MERCY (rule P66). Not allowed. The survivor's release for this "
        "agency does not cover it. Not covered: a legal process. Leave that out, or ask the "
        "survivor whether to widen the release."
    )
    assert refused.ruling.rule == "P66"


@pytest.mark.parametrize(
    ("defence", "broken"),
    [("quietway.policy.rulings:_needs_release", lambda *_: False)],
)
def test_control_without_asking_for_a_release_a_revoked_case_goes_on(
    monkeypatch: pytest.MonkeyPatch, defence: str, broken: Callable[..., bool]
) -> None:
    """V15: what the refusal rests on is that a withdrawn release asks for another."""
    revoked = Ground(releases=(Release(consent_id=b"r" * 16, stance=Stance.ENDED),))
    assert not rulings.rule(_ask(), revoked).allowed
    without(monkeypatch, defence, broken)
    assert rulings.rule(_ask(), revoked).allowed
