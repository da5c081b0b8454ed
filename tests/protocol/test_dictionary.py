"""The one proof of a dictionary: who has agreed to it, and what may follow what."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.parties import NOW
from tests.gallery.vouching import House

from quietway_crypto.encoding import TAG_CERTIFICATE, TAG_DICTIONARY
from quietway_protocol.dictionary import (
    check_is_taken,
    hash_release,
    list_missing,
    prove_dictionary,
)
from quietway_protocol.errors import DictionaryRefusedError
from quietway_protocol.manifests import ProvedManifest, prove_manifest
from quietway_schemas.dictionary import (
    AgencyApproval,
    ApprovedDictionary,
    DictionaryRelease,
    FormerRelease,
    ReleasedFile,
)
from quietway_schemas.directory import OPS_LIFE_MS
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway_crypto.signing import SigningKey
    from quietway_schemas.ids import AgencyId

HARBOR, MERCY, CITY = House("harbor"), House("mercy"), House("city")
FILES = {"role": b"1" * 32, "reason": b"2" * 32}
MANIFESTS = {
    house.agency: prove_manifest(house.manifest(house.device("desk")))
    for house in (HARBOR, MERCY, CITY)
}


def files(held: dict[str, bytes]) -> tuple[ReleasedFile, ...]:
    return tuple(ReleasedFile(name=name, hash=held[name]) for name in sorted(held))


def release(version: str = "0.1.0", *houses: House, **changes: object) -> DictionaryRelease:
    fields: dict[str, object] = {
        "name": "county",
        "version": version,
        "code_lists": files(FILES),
        "schemas": files({"referral.packet": b"3" * 32}),
        "changes": ("The first release.",),
        "agencies": tuple(sorted(house.agency for house in houses or (HARBOR, MERCY))),
        "issued": NOW,
    }
    return DictionaryRelease.model_validate(fields | changes)


def after(
    former: ApprovedDictionary, version: str, *houses: House, **changes: object
) -> DictionaryRelease:
    previous = FormerRelease(version=former.release.version, hash=hash_release(former.payload))
    return release(version, *houses, **({"previous": previous} | changes))


def approve(
    held: DictionaryRelease | ApprovedDictionary,
    house: House,
    key: SigningKey | None = None,
    *,
    tag: str = TAG_DICTIONARY,
) -> ApprovedDictionary:
    if isinstance(held, DictionaryRelease):
        held = ApprovedDictionary(payload=held.to_canonical(), approvals=())
    key = key or house.ops[0]
    signature = key.sign(tag, held.payload)
    return held.with_approval(
        AgencyApproval(agency=house.agency, key=key.public, signature=signature)
    )


def agree(held: DictionaryRelease, *houses: House) -> ApprovedDictionary:
    approved = approve(held, houses[0])
    for house in houses[1:]:
        approved = approve(approved, house)
    return approved


def find(agency: AgencyId) -> ProvedManifest | None:
    return MANIFESTS.get(agency)


def refusal(approved: ApprovedDictionary, *, now: int = NOW) -> tuple[str, str]:
    try:
        prove_dictionary(approved, find, now=now)
    except DictionaryRefusedError as refused:
        return refused.reason, refused.agency
    return "", ""


def taken(
    approved: ApprovedDictionary, held: ApprovedDictionary | None, *, by: House = HARBOR
) -> str:
    try:
        check_is_taken(prove_dictionary(approved, find, now=NOW), ours=by.agency, held=held)
    except DictionaryRefusedError as refused:
        return refused.reason
    return ""


FIRST = agree(release(), HARBOR, MERCY)


@pytest.mark.requirement("C37")
def test_a_dictionary_counts_when_every_agency_that_it_names_has_approved_these_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """C37: a signed dictionary file with semver and changelog, approved by named agencies."""
    proved = prove_dictionary(FIRST, find, now=NOW)
    assert proved.agreed == {HARBOR.agency, MERCY.agency}
    assert (proved.release.version, proved.release.changes) == ("0.1.0", ("The first release.",))
    lacking = approve(release(), HARBOR)
    assert refusal(lacking) == ("approval_missing", str(MERCY.agency))
    # Somebody's approval of other words, and an approval by the wrong agency's holder.
    changed = release(changes=("Another story.",)).to_canonical()
    moved = ApprovedDictionary(payload=changed, approvals=FIRST.approvals)
    assert refusal(moved) == ("forged", str(min(HARBOR.agency, MERCY.agency)))
    strange = approve(lacking, MERCY, HARBOR.ops[1])
    assert refusal(strange) == ("key_not_listed", str(MERCY.agency))
    # Control: without the signature's check any bytes pass for what the agencies approved.
    without(monkeypatch, "quietway_protocol.approvals:verify", lambda *_: None)
    assert refusal(moved) == ("", "")


def test_an_approval_made_for_something_else_is_none() -> None:
    approved = approve(approve(release(), HARBOR), MERCY, tag=TAG_CERTIFICATE)
    assert refusal(approved) == ("forged", str(MERCY.agency))


def test_any_holder_of_an_agency_approves_and_a_wrong_one_beside_a_right_one_is_forged() -> None:
    by_third = approve(approve(release(), HARBOR), MERCY, MERCY.ops[2])
    assert refusal(by_third) == ("", "")
    wrong = AgencyApproval(agency=MERCY.agency, key=MERCY.ops[1].public, signature=bytes(64))
    assert refusal(by_third.with_approval(wrong)) == ("forged", str(MERCY.agency))
    stranger = AgencyApproval(agency=MERCY.agency, key=HARBOR.ops[1].public, signature=bytes(64))
    assert refusal(by_third.with_approval(stranger)) == ("", "")


def test_an_agency_that_is_not_known_or_not_up_to_date_has_not_agreed() -> None:
    unknown = House("unknown")
    approved = agree(release("0.1.0", HARBOR, unknown), HARBOR, unknown)
    assert refusal(approved) == ("unknown_agency", str(unknown.agency))
    later = NOW + 91 * DAY
    assert refusal(FIRST, now=later)[0] == "manifest_expired"


def test_an_ops_key_that_has_expired_approves_nothing() -> None:
    issued = NOW + OPS_LIFE_MS - DAY
    ops_list = HARBOR.ops_list()
    late = prove_manifest(HARBOR.manifest(HARBOR.device("desk"), ops_list=ops_list, now=issued))
    approved = approve(release("0.1.0", HARBOR), HARBOR)

    def find_late(_: AgencyId) -> ProvedManifest:
        return late

    assert list_missing(approved, find_late, now=issued) == {}
    assert list_missing(approved, find_late, now=issued + DAY) == {HARBOR.agency: "key_expired"}


def test_an_approval_by_an_agency_that_is_not_named_is_refused() -> None:
    assert refusal(approve(FIRST, CITY)) == ("agency_not_named", str(CITY.agency))


def test_what_does_not_name_one_s_own_agency_is_not_taken() -> None:
    assert taken(FIRST, None) == ""
    assert taken(FIRST, None, by=CITY) == "not_ours"


def test_versions_only_go_up_and_name_the_one_before() -> None:
    second = agree(after(FIRST, "0.1.1"), HARBOR, MERCY)
    third = agree(after(second, "0.1.2"), HARBOR, MERCY)
    assert taken(second, FIRST) == ""
    assert taken(third, FIRST) == ""  # it missed the second, and goes by the approvals
    assert taken(FIRST, second) == "rolled_back"
    assert taken(FIRST, FIRST) == ""
    other = agree(release(changes=("Another first.",)), HARBOR, MERCY)
    assert taken(other, FIRST) == "two_of_one_version"
    assert taken(second, other) == "unlinked"
    assert taken(agree(release("0.1.1"), HARBOR, MERCY), FIRST) == "unlinked"


def test_nobody_is_dropped_without_their_own_agency_s_word() -> None:
    three = agree(release("0.1.0", HARBOR, MERCY, CITY), HARBOR, MERCY, CITY)
    dropped = agree(after(three, "0.1.1", HARBOR, MERCY), HARBOR, MERCY)
    assert taken(dropped, three) == "agency_dropped"
    joined = agree(after(FIRST, "0.1.1", HARBOR, MERCY, CITY), HARBOR, MERCY, CITY)
    assert taken(joined, FIRST) == ""


@pytest.mark.parametrize(
    ("version", "code_lists", "reason"),
    [
        ("0.2.0", {"role": b"1" * 32}, "removed"),
        ("1.0.0", {"role": b"1" * 32}, "removed"),
        ("0.1.1", FILES | {"housing": b"4" * 32}, "step_too_small"),
        ("0.2.0", FILES | {"housing": b"4" * 32}, ""),
        ("0.1.1", FILES | {"role": b"5" * 32}, ""),
    ],
)
def test_the_step_covers_what_the_files_show(
    version: str, code_lists: dict[str, bytes], reason: str
) -> None:
    held = agree(after(FIRST, version, code_lists=files(code_lists)), HARBOR, MERCY)
    assert taken(held, FIRST) == reason


def test_approvals_are_added_in_any_order_and_change_no_payload() -> None:
    one = approve(approve(release(), HARBOR), MERCY)
    other = approve(approve(release(), MERCY), HARBOR)
    assert one == other
    assert ApprovedDictionary.read(one.to_canonical()) == one
    assert replace(prove_dictionary(one, find, now=NOW)).hash == hash_release(one.payload)
