"""The one proof of an agreement: each party signs these terms for itself, and ends them alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.parties import NOW
from tests.gallery.vouching import House

from quietway_crypto.encoding import TAG_AGREEMENT, TAG_AGREEMENT_END, TAG_DICTIONARY
from quietway_protocol.agreements import (
    find_counting,
    hash_terms,
    is_ended_by,
    list_missing,
    name_for,
    write_end,
)
from quietway_protocol.manifests import ProvedManifest, prove_manifest
from quietway_schemas.content.agreement import (
    AgreementCell,
    AgreementEnded,
    AgreementTerms,
    SignedAgreement,
)
from quietway_schemas.dictionary import AgencyApproval
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway_schemas.ids import AgencyId

HARBOR, MERCY, CITY = House("harbor"), House("mercy"), House("city")
MANIFESTS = {
    house.agency: prove_manifest(house.manifest(house.device("desk"))) for house in (HARBOR, MERCY)
}
PARTIES = tuple(sorted((HARBOR.agency, MERCY.agency)))
TERMS = AgreementTerms(
    name="county",
    version=1,
    parties=PARTIES,
    matrix=(
        AgreementCell(
            categories=("services",),
            recipients=PARTIES,
            purposes=("service_referral",),
            retention_days=30,
            identifying=False,
        ),
    ),
    effective=NOW,
    review_by=NOW + DAY,
    expires=NOW + 2 * DAY,
    lay_text_hash=bytes(32),
)
PAYLOAD = TERMS.to_canonical()


def find(agency: AgencyId) -> ProvedManifest | None:
    return MANIFESTS.get(agency)


def sign(house: House, *, payload: bytes = PAYLOAD, tag: str = TAG_AGREEMENT) -> AgencyApproval:
    key = house.ops[0]
    return AgencyApproval(agency=house.agency, key=key.public, signature=key.sign(tag, payload))


def put(*approvals: AgencyApproval) -> SignedAgreement:
    signed = SignedAgreement(payload=PAYLOAD, approvals=())
    for approval in approvals:
        signed = signed.with_approval(approval)
    return signed


@pytest.mark.requirement("B26")
def test_every_party_signs_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """B26: inactive until all sign; who is missing is named, with the reason."""
    assert list_missing(put(sign(HARBOR), sign(MERCY)), find, now=NOW) == {}
    half = put(sign(HARBOR))
    assert list_missing(half, find, now=NOW) == {MERCY.agency: "approval_missing"}
    for_another = sign(MERCY).model_copy(update={"key": CITY.ops[0].public})
    assert list_missing(put(sign(HARBOR), for_another), find, now=NOW) == {
        MERCY.agency: "key_not_listed"
    }
    of_a_dictionary = sign(MERCY, tag=TAG_DICTIONARY)
    assert list_missing(put(sign(HARBOR), of_a_dictionary), find, now=NOW) == {
        MERCY.agency: "forged"
    }
    without(monkeypatch, "quietway_protocol.approvals:verify", lambda *_: None)
    assert list_missing(put(sign(HARBOR), of_a_dictionary), find, now=NOW) == {}


def test_what_does_not_hold_is_not_kept_and_who_is_not_known_waits() -> None:
    forged = sign(HARBOR, payload=b"{}")
    stranger = sign(CITY)
    given = (forged, sign(MERCY), stranger)
    assert find_counting(PAYLOAD, given, find, now=NOW) == (sign(MERCY), stranger)


def test_a_party_ends_an_agreement_with_its_own_word_and_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agreement = hash_terms(PAYLOAD)
    said = write_end(agreement, NOW)
    ended = AgreementEnded(
        agreement=agreement, at=NOW, approval=sign(MERCY, payload=said, tag=TAG_AGREEMENT_END)
    )
    assert is_ended_by(ended, find, now=NOW)
    later = ended.model_copy(update={"at": NOW + 1})
    as_terms = ended.model_copy(update={"approval": sign(MERCY, payload=said)})
    of_another = ended.model_copy(update={"agreement": bytes(32)})
    for odd in (later, as_terms, of_another):
        assert not is_ended_by(odd, find, now=NOW)
    without(monkeypatch, "quietway_protocol.approvals:verify", lambda *_: None)
    assert is_ended_by(later, find, now=NOW)


def test_no_two_recipients_hold_the_same_name_of_an_agreement() -> None:
    agreement = hash_terms(PAYLOAD)
    names = {name_for(agreement, house.agency) for house in (HARBOR, MERCY, CITY)}
    assert len(names) == 3
    assert all(len(name) == 16 and name not in agreement for name in names)
