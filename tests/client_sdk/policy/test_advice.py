"""Advice: suggestions of codes that exist, each with its row; nothing happens by itself."""

from __future__ import annotations

import pytest

from quietway.policy.advice import (
    DECISION_RULES,
    INVOLVEMENT_RULES,
    suggest_roles,
    suggest_services,
)
from quietway_schemas.codebook.lists import codes

FOUND = codes("status_indicator") | codes("barrier") | codes("urgent_action")


@pytest.mark.requirement("B35")
def test_what_shows_suggests_whom_to_invite_and_says_by_which_row() -> None:
    """B35: when to involve an advocate, medical or housing colleagues: trigger to role."""
    assert {held.trigger for held in INVOLVEMENT_RULES} <= FOUND
    assert {held.role for held in INVOLVEMENT_RULES} <= codes("role")
    suggested = suggest_roles({"medical_need_open", "homelessness", "safety_plan_active"})
    assert [(held.rule, held.role) for held in suggested] == [
        ("I08", "hospital_social_worker"),
        ("I13", "shelter_staff"),
    ]
    assert suggest_roles(set()) == ()


@pytest.mark.requirement("C12")
def test_criteria_that_all_stand_suggest_a_service() -> None:
    """C12: decision points for shelter, legal, advocacy, child welfare: versioned, advisory."""
    assert set().union(*(held.criteria for held in DECISION_RULES)) <= FOUND
    assert {held.service for held in DECISION_RULES} <= codes("service_type")
    assert suggest_services({"heightened_concern"}) == ()
    both = suggest_services({"heightened_concern", "no_safe_housing_available"})
    assert [(held.rule, held.service) for held in both] == [("D02", "safehouse")]


def test_no_rule_id_is_given_twice() -> None:
    ids = [held.rule for held in (*INVOLVEMENT_RULES, *DECISION_RULES)]
    assert len(ids) == len(set(ids))
