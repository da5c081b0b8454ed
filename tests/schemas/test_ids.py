"""Ids: one text form, kinds that never mix, and nothing to read in them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.schemas.samples import draw, make_packet

from quietway_schemas.errors import ContentError, IdError
from quietway_schemas.ids import (
    AgencyId,
    CaseRef,
    ConversationId,
    DeviceId,
    EnvelopeId,
    Id,
    MailboxId,
    MessageId,
    ReferralRef,
)

KINDS = [
    AgencyId,
    CaseRef,
    ConversationId,
    DeviceId,
    EnvelopeId,
    MailboxId,
    MessageId,
    ReferralRef,
]


@given(st.binary(min_size=16, max_size=16), st.sampled_from(KINDS))
@settings(max_examples=100, deadline=None)
def test_every_id_comes_back_from_its_text(value: bytes, kind: type[Id]) -> None:
    made = kind.from_entropy(value)
    assert kind.from_text(str(made)) == made
    assert len(str(made)) == len(kind.prefix) + 27


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mbx_",
        "mbx_aaaaaaaaaaaaaaaaaaaaaaaaa",
        "mbx_aaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "MBX_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "mbx_AAAAAAAAAAAAAAAAAAAAAAAAAA",
        "mbx_aaaaaaaaaaaaaaaaaaaaaaaaab",
        "mbx_aaaaaaaaaaaaaaaaaaaaaaaa01",
        "dev_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "mbx_aaaaaaaaaaaaaaaaaaaaaaaaaa\n",
        "mbx_aaaaaaaaaaaaaaaaaaaaaaaaa\uff41",
        "mbx-aaaaaaaaaaaaaaaaaaaaaaaaaa",
    ],
)
def test_a_second_spelling_of_an_id_is_refused(text: str) -> None:
    with pytest.raises(IdError):
        MailboxId.from_text(text)


@pytest.mark.parametrize("value", [b"", bytes(15), bytes(17)])
def test_an_id_has_exactly_16_bytes(value: bytes) -> None:
    with pytest.raises(IdError):
        AgencyId(value)


def test_ids_of_different_kinds_are_never_equal() -> None:
    assert len({kind(bytes(16)) for kind in KINDS}) == len(KINDS)


def test_ids_of_one_kind_sort_by_their_bytes() -> None:
    values = [bytes([first]) + bytes(15) for first in (200, 3, 77)]
    assert [held.value for held in sorted(map(DeviceId, values))] == sorted(values)


def test_the_refusal_of_an_id_does_not_repeat_it() -> None:
    with pytest.raises(IdError) as refused:
        MailboxId.from_text("mbx_survivors-own-words")
    assert "survivors-own-words" not in str(refused.value)


@pytest.mark.requirement("A10")
def test_a_case_reference_is_128_random_bits_and_never_doubles_as_a_referral() -> None:
    """A10: identifiers instead of names; random, and not joinable."""
    drawn = draw()
    assert len(CaseRef.from_entropy(drawn).value) * 8 == 128
    with pytest.raises(ContentError, match="referral_ref"):
        make_packet(case_ref=CaseRef(drawn), referral_ref=ReferralRef(drawn))
    with pytest.raises(ContentError, match="case_ref"):
        make_packet(case_ref="Maria")
