"""The shared language: lists, labels, mappings, subcodes."""

import csv
import io
import re

import pytest
from tests.schemas.case_samples import make_profile, make_smallest_of_cases
from tests.schemas.samples import make_packet

from quietway_schemas.codebook import lists
from quietway_schemas.content.contact import ContactLog
from quietway_schemas.content.profiles import PROFILES, find_absent_fields
from quietway_schemas.content.referral_states import CLOSED_STATES, OPEN_STATES
from quietway_schemas.content.status import ALERT_CODES, RESTRICTED_CODES
from quietway_schemas.errors import ContentError, UnknownCodeError
from quietway_schemas.export import make_codes_table

COUNTS = {
    "status_indicator": 36,
    "barrier": 24,
    "urgent_action": 20,
    "relocation_option": 12,
    "consent_scope": 14,
}


@pytest.mark.parametrize("name", lists.list_names())
def test_every_code_has_one_form_and_a_label_for_people(name: str) -> None:
    for entry in lists.entries(name).values():
        assert re.fullmatch(r"[a-z][a-z0-9_]{1,39}", entry.code)
        assert entry.label[0].isupper()
        assert not entry.label.endswith(".")
        assert "_" not in entry.label


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_the_lists_that_the_dictionary_counts_have_that_many_codes(name: str, count: int) -> None:
    assert len(lists.codes(name)) == count


@pytest.mark.requirement("A63")
@pytest.mark.requirement("D08")
def test_a_code_outside_the_shared_lists_is_refused_and_not_repeated() -> None:
    """A63: shared language, common codes; D08: both sides are held to one dictionary version."""
    assert lists.check("role", "liaison", "roles") == "liaison"
    assert make_packet().dictionary_version == lists.DICTIONARY_VERSION
    with pytest.raises(UnknownCodeError) as refused:
        make_packet(service_type="exorcism")
    assert (refused.value.list_name, refused.value.field) == ("service_type", "service_type")
    assert "exorcism" not in str(refused.value)


def test_asking_for_a_list_that_does_not_exist_is_a_typed_refusal() -> None:
    with pytest.raises(UnknownCodeError):
        lists.codes("../0.1.0/role")


@pytest.mark.requirement("C33")
def test_who_referred_is_a_code_that_maps_to_hmis() -> None:
    """C33: law enforcement, court, healthcare, community organization."""
    named = {"law_enforcement": "35", "court": "39", "healthcare": "39", "cbo": "39"}
    for code, hmis in named.items():
        assert make_packet(referred_by=code).referred_by == code
        assert lists.entries("referred_by")[code].maps_to["hmis_r1_1"] == hmis


@pytest.mark.requirement("C36")
def test_local_subcodes_travel_as_the_shared_code_that_they_map_to() -> None:
    """C36: a shared reference table, internal subcodes allowed."""
    local = lists.Subcodes("service_type", {"pet_friendly_safehouse": "safehouse"})
    assert lists.resolve("service_type", "pet_friendly_safehouse", local) == "safehouse"
    assert lists.resolve("service_type", "advocacy", local) == "advocacy"
    with pytest.raises(UnknownCodeError):
        lists.resolve("service_type", "yurt", local)
    with pytest.raises(UnknownCodeError):
        lists.resolve("role", "pet_friendly_safehouse", local)
    with pytest.raises(UnknownCodeError):
        make_packet(service_type="pet_friendly_safehouse")


def test_a_subcode_maps_to_a_shared_code_and_is_not_one_itself() -> None:
    with pytest.raises(UnknownCodeError):
        lists.Subcodes("service_type", {"yurt": "tent"})
    with pytest.raises(ContentError, match="shared code already"):
        lists.Subcodes("service_type", {"advocacy": "safehouse"})


@pytest.mark.requirement("C36")
@pytest.mark.requirement("D08")
def test_the_exported_table_holds_every_code_with_its_mappings() -> None:
    """C36, D08: codes.csv with `maps_to`."""
    rows = list(csv.DictReader(io.StringIO(make_codes_table())))
    assert len(rows) == sum(len(lists.codes(name)) for name in lists.list_names())
    sent = next(row for row in rows if (row["list"], row["code"]) == ("referral_state", "sent"))
    assert (
        sent["maps_to"] == "fhir_task_status=requested;bser=2.0;primero=in_progress;x360=Initiated"
    )


def test_codes_named_in_rules_stand_in_their_lists() -> None:
    assert lists.codes("status_indicator") >= ALERT_CODES | RESTRICTED_CODES
    assert OPEN_STATES | CLOSED_STATES | {"draft"} == lists.codes("referral_state")


def test_every_reason_has_a_side_and_no_list_names_a_place() -> None:
    sides = {entry.side for entry in lists.entries("reason").values()}
    assert sides == lists.codes("reason_side")
    assert "location" not in lists.codes("data_category")
    assert lists.codes("forbidden_data_category") == {"location"}


@pytest.mark.requirement("C11")
def test_where_a_survivor_came_in_is_one_of_a_few_common_codes() -> None:
    """C11: common starting points, as a code list that packets and profiles share."""
    for code in ("hotline_intake", "law_enforcement_contact", "hospital_social_work", "walk_in"):
        assert make_packet(entry_point=code).entry_point == code
        assert make_profile(access_points=(code,)).access_points == (code,)
    with pytest.raises(UnknownCodeError):
        make_packet(entry_point="back_door")


@pytest.mark.requirement("C32")
def test_how_people_met_is_a_code_with_hmis_names() -> None:
    """C32: interaction type: phone, in person, virtual, outreach, other."""
    assert lists.codes("interaction_type") >= {
        "phone",
        "in_person",
        "virtual",
        "outreach",
        "other",
    }
    assert lists.entries("interaction_type")["phone"].maps_to == {"hmis_4_19_3": "1"}
    log = next(held for held in make_smallest_of_cases() if isinstance(held, ContactLog))
    for code in lists.codes("interaction_type"):
        assert log.model_copy(update={"interaction_type": code}).to_canonical()
    with pytest.raises(UnknownCodeError):
        ContactLog.model_validate(
            {**{name: getattr(log, name) for name in ContactLog.model_fields}}
            | {"interaction_type": "fax"}
        )


@pytest.mark.requirement("B08")
def test_each_type_of_service_has_a_code_and_a_profile_of_what_its_referrals_usually_say() -> None:
    """B08: how referrals to shelter, legal aid and counselling are managed."""
    assert lists.codes("service_type") >= {"safehouse", "legal_assistance", "psychosocial"}
    assert set(PROFILES) == lists.codes("service_type")
    bare = make_packet(service_type="safehouse")
    assert find_absent_fields(bare) == PROFILES["safehouse"]
    assert find_absent_fields(make_packet(service_type="interpretation")) == ()
    with pytest.raises(UnknownCodeError):
        make_packet(service_type="hotel")
