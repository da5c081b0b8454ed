"""Comparing fingerprints: what is read out by phone is held to the key that was pinned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER, Agencies, invite
from tests.controls import without

from quietway.errors import (
    ContentRefused,
    FingerprintDiffers,
    IdentityChanged,
    UnknownPartner,
)
from quietway.fingerprint import compare_fingerprint, show_fingerprint, show_words
from quietway_crypto.encoding import TAG_PRINTED_KEY, hash_tagged
from quietway_crypto.signing import SigningKey
from quietway_crypto.words import to_words

if TYPE_CHECKING:
    from collections.abc import Callable

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


def test_words_and_groups_show_the_same_digest() -> None:
    digest = hash_tagged(TAG_PRINTED_KEY, KEY)
    assert show_words(KEY).split() == list(to_words(digest, 8))
    assert show_fingerprint(KEY).replace(" ", "") == digest.hex()[:32]


@pytest.mark.parametrize(
    "typed",
    [
        show_words,
        lambda key: show_words(key).upper(),
        lambda key: "  " + ", ".join(show_words(key).split()) + "\n",
        lambda key: " ".join(f"{n}. {w}" for n, w in enumerate(show_words(key).split(), 1)),
        show_fingerprint,
        lambda key: show_fingerprint(key).replace(" ", "-").upper(),
        lambda key: show_fingerprint(key).replace(" ", ""),
    ],
)
def test_what_was_heard_is_read_however_it_was_typed(typed: Callable[[bytes], str]) -> None:
    compare_fingerprint(KEY, typed(KEY), agency="HARBOR")
    with pytest.raises(FingerprintDiffers, match="Stop"):
        compare_fingerprint(KEY, typed(OTHER), agency="HARBOR")


@pytest.mark.parametrize("place", range(8))
def test_one_word_or_one_group_that_differs_is_a_stop(place: int) -> None:
    for show in (show_words, show_fingerprint):
        mine, theirs = show(KEY).split(), show(OTHER).split()
        heard = " ".join([*mine[:place], theirs[place], *mine[place + 1 :]])
        with pytest.raises(FingerprintDiffers):
            compare_fingerprint(KEY, heard, agency="HARBOR")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ".join(show_words(KEY).split()[:7]),
        show_words(KEY) + " abandon",
        show_fingerprint(KEY)[:-1],
        show_fingerprint(KEY) + "0",
        "abandon " * 1_000,
    ],
)
def test_what_is_not_whole_is_not_compared(typed: str) -> None:
    with pytest.raises(ContentRefused, match="is not whole"):
        compare_fingerprint(KEY, typed, agency="HARBOR")


def test_a_word_that_was_misheard_is_named_by_its_number() -> None:
    words = show_words(KEY).split()
    words[4] = "quietway"
    with pytest.raises(ContentRefused, match="not in the list, number 5") as refused:
        compare_fingerprint(KEY, " ".join(words), agency="HARBOR")
    assert "quietway" not in str(refused.value)


async def test_a_partner_is_verified_with_what_they_read_out(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    before = await shelter.partners.find("MERCY")
    assert before.verified_at is None
    assert before.words == hospital.fingerprint_words
    assert before.fingerprint == hospital.fingerprint
    verified = await shelter.partners.verify("MERCY", hospital.fingerprint_words)
    assert verified.verified_at == agencies.clock.now()
    await shelter.aclose()
    again = await agencies.reopen(SHELTER)
    assert (await again.partners.find("MERCY")).verified_at == verified.verified_at


async def test_a_newer_invitation_under_the_same_key_stays_verified(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    verified = await shelter.partners.verify("MERCY", hospital.fingerprint)
    assert (await invite(hospital, shelter)).verified_at == verified.verified_at


async def refuse_the_swapped_key(agencies: Agencies) -> None:
    """The file was swapped on its way: the police's invitation came under the hospital's name."""
    shelter, hospital, police = [
        await agencies.found(program) for program in (SHELTER, HOSPITAL, POLICE)
    ]
    await shelter.partners.add(await police.partners.invite("us"), label="Mercy Hospital")
    with pytest.raises(FingerprintDiffers, match="Send them nothing"):
        await shelter.partners.verify("Mercy Hospital", hospital.fingerprint_words)
    assert (await shelter.partners.find("Mercy Hospital")).verified_at is None


async def test_an_invitation_that_was_swapped_on_its_way_is_found_out(agencies: Agencies) -> None:
    await refuse_the_swapped_key(agencies)


async def test_control_without_the_comparison_the_swapped_key_is_verified(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.fingerprint:constant_time_equal", lambda _one, _other: True)
    with pytest.raises(pytest.fail.Exception):
        await refuse_the_swapped_key(agencies)


async def test_a_partner_may_be_compared_before_anything_is_pinned(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found(SHELTER), await agencies.found(HOSPITAL)
    invitation = await hospital.partners.invite("Harbor")
    with pytest.raises(FingerprintDiffers):
        await shelter.partners.add(invitation, spoken=shelter.fingerprint_words)
    assert await shelter.partners.list() == []
    partner = await shelter.partners.add(invitation, spoken=hospital.fingerprint_words)
    assert partner.verified_at == agencies.clock.now()


async def test_another_root_key_is_taken_only_after_it_was_compared_anew(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.partners.verify("MERCY", hospital.fingerprint)
    other = SigningKey(bytes(range(32))).public
    invitation = replace(await hospital.partners.invite("Harbor"), root_key=other)
    with pytest.raises(IdentityChanged):
        await shelter.partners.add(invitation)
    with pytest.raises(FingerprintDiffers):
        await shelter.partners.add(invitation, spoken=hospital.fingerprint_words)
    assert (await shelter.partners.find("MERCY")).words == hospital.fingerprint_words
    agencies.clock.advance(60)
    partner = await shelter.partners.add(invitation, spoken=show_words(other))
    assert partner.words == show_words(other)
    assert partner.verified_at == agencies.clock.now()
    # What the former identity signed counts no more, so nothing is sealed to its devices.
    assert partner.programs == ()


async def test_who_is_no_partner_is_not_verified(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    with pytest.raises(UnknownPartner):
        await shelter.partners.verify("MERCY", shelter.fingerprint)
