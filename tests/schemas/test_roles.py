"""Who may say what to whom: every type has a rule, and every rule names roles that exist."""

from __future__ import annotations

import pytest
from tests.schemas.samples import make_packet, make_status

from quietway_schemas.codebook.lists import codes
from quietway_schemas.content.agency import is_within
from quietway_schemas.content.registry import CONTENT_TYPES
from quietway_schemas.content.roles import (
    ADVOCATES_AND_LEADS,
    CASEWORK,
    EVERYONE,
    ROLE_RULES,
    find_receivers,
    find_senders,
    is_among,
    list_roles,
)
from quietway_schemas.content.status import RESTRICTED_CODES


@pytest.mark.requirement("A01")
def test_every_content_type_declares_who_may_send_and_receive_it() -> None:
    """A01: every message type declares allowed sender and recipient roles."""
    assert set(ROLE_RULES) == set(CONTENT_TYPES)
    for name, rule in ROLE_RULES.items():
        for allowed in (rule.senders, rule.receivers):
            assert allowed == EVERYONE or allowed <= codes("role"), name
            assert allowed, name


@pytest.mark.requirement("A01")
def test_what_concerns_a_case_is_not_for_those_who_keep_records_keys_and_surveys() -> None:
    """A01: design around minimal sharing and role-based access."""
    for role in ("auditor", "data_steward", "key_custodian", "survey_steward"):
        for content in (make_packet(), make_status()):
            assert not is_among([role], find_senders(content))
            assert not is_among([role], find_receivers(content))
    assert is_among(["auditor", "shelter_staff"], find_receivers(make_packet()))


@pytest.mark.parametrize("code", sorted(RESTRICTED_CODES))
def test_a_status_that_reveals_movement_is_received_by_advocates_and_leads_alone(
    code: str,
) -> None:
    status = make_status(code=code)
    assert find_receivers(status) == ADVOCATES_AND_LEADS
    assert not is_among(["shelter_staff", "police_liaison"], find_receivers(status))
    assert is_among(["shelter_staff"], find_senders(status))


@pytest.mark.requirement("B16")
def test_the_catalogue_of_roles_knows_those_within_law_enforcement() -> None:
    """B16: a role catalogue, including law_enforcement_advocate and police_liaison."""
    assert {"law_enforcement_advocate", "police_liaison"} <= codes("role")
    assert {"law_enforcement_advocate", "police_liaison"} <= CASEWORK
    assert set(list_roles(EVERYONE)) == codes("role")


def test_what_devices_of_one_agency_tell_each_other_is_for_all_of_them() -> None:
    within = [name for name in CONTENT_TYPES if is_within(name) and name != "access.event"]
    assert len(within) >= 8
    assert all(ROLE_RULES[name].receivers == EVERYONE for name in within)


def test_who_looked_at_what_is_said_by_everyone_and_received_by_auditors_alone() -> None:
    assert is_within("access.event")
    assert ROLE_RULES["access.event"].senders == EVERYONE
    assert ROLE_RULES["access.event"].receivers == {"auditor"}


@pytest.mark.requirement("B18")
def test_what_is_in_a_compartment_is_received_by_fewer() -> None:
    """B18: privacy during investigations: a label that decides which devices get it at all."""
    investigation = make_packet(compartment="investigation")
    assert is_among(["police_liaison"], find_receivers(investigation))
    assert not is_among(["shelter_staff", "frontline_advocate"], find_receivers(investigation))
    confidence = make_packet(compartment="advocate_confidential")
    assert is_among(["frontline_advocate"], find_receivers(confidence))
    assert not is_among(["police_liaison"], find_receivers(confidence))
    released = make_packet(compartment="advocate_confidential", consent_id=bytes(16))
    assert is_among(["police_liaison"], find_receivers(released))
