"""What a set of versions comes to: the same in every order; in all of them a revocation wins."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.client_sdk.consent.worlds import CASE, INFORMED
from tests.controls import without

from quietway.consents import (
    Consents,
    Said,
    learn,
    mark_identified,
    merge,
    name_version,
    read_consents,
    split,
    write_consents,
)
from quietway.policy.absolute import Stance, Versions
from quietway_schemas.content.consent import (
    ConsentAmend,
    ConsentGrant,
    ConsentPause,
    ConsentResume,
    ConsentRevoke,
    ConsentWindow,
    InformedItems,
    Release,
    Withdrawal,
)
from quietway_schemas.ids import AgencyId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway.consents import ConsentContent

PARTNER = AgencyId(b"\x02" * 16)
CONSENT, OTHER = b"\x03" * 16, b"\x04" * 16
NOW = 1_800_000_000_000


def make_release(
    kind: type[ConsentGrant | ConsentAmend | ConsentResume],
    number: int,
    *seen: ConsentContent,
    consent_id: bytes = CONSENT,
    categories: tuple[str, ...] = ("services", "status"),
) -> Release:
    return kind(
        case_ref=CASE,
        consent_id=consent_id,
        recipient=PARTNER,
        scopes=("safehouse",),
        data_categories=categories,
        purposes=("service_referral",),
        form="written",
        informed_items=InformedItems(**dict.fromkeys(INFORMED, True)),
        not_before=NOW,
        expires=NOW + 30 * DAY,
        signed_by="survivor",
        language="en",
        effective_at=NOW + number,
        nonce=number.to_bytes(16, "big"),
        supersedes=name(*seen),
    )


def make_stop(
    kind: type[ConsentPause | ConsentRevoke],
    number: int,
    *seen: ConsentContent,
    consent_id: bytes | None = CONSENT,
) -> Withdrawal:
    return kind(
        case_ref=CASE,
        consent_id=consent_id,
        effective_at=NOW + number,
        method="oral",
        nonce=number.to_bytes(16, "big"),
        supersedes=name(*seen),
    )


def name(*seen: ConsentContent) -> tuple[bytes, ...]:
    return tuple(sorted(name_version(held) for held in seen))


def put_together(said: Sequence[tuple[ConsentContent, bool]]) -> Consents:
    known = Consents()
    for content, by_us in said:
        known = learn(known, content, by_us=by_us)
    return known


GRANT = make_release(ConsentGrant, 1)
AMEND = make_release(ConsentAmend, 2, GRANT, categories=("services",))
PAUSE = make_stop(ConsentPause, 3)
RESUME = make_release(ConsentResume, 4, GRANT, AMEND, PAUSE)
REVOKE = make_stop(ConsentRevoke, 5, GRANT, AMEND, PAUSE, RESUME)
WINDOW = ConsentWindow(
    case_ref=CASE,
    consent_id=CONSENT,
    opens=NOW,
    closes=NOW + DAY,
    added_categories=("identity",),
    nonce=b"\x06" * 16,
    supersedes=name(REVOKE),
)
PAUSE_OF_ALL = make_stop(ConsentPause, 9, consent_id=None)
LIFE = [(held, True) for held in (GRANT, AMEND, PAUSE, RESUME, WINDOW)]


@pytest.mark.requirement("A35")
@given(st.permutations([*LIFE, *LIFE[:2]]), st.integers(0, len(LIFE) + 2), st.booleans())
def test_a_revocation_at_any_point_of_any_order_wins_over_every_replay(
    said: list[tuple[ConsentContent, bool]], at: int, by_us: bool
) -> None:
    """A35: whatever came before it, comes after it or comes again, what was revoked stays so."""
    known = put_together([*said[:at], (REVOKE, by_us), *said[at:]])
    (release,) = known.given.releases
    assert release.stance is Stance.ENDED


def test_without_its_stance_it_would_not(monkeypatch: pytest.MonkeyPatch) -> None:
    # The control: where what comes last replaces what was there, an old grant revives it.
    def replace_all(_: object, version: Said) -> Versions[Said]:
        return Versions({version.name: version})

    without(monkeypatch, "quietway.consents:learn_versions", replace_all)
    assert put_together([(REVOKE, False), (GRANT, True)]).given.releases[0].stance is (
        Stance.GRANTED
    )


@given(st.permutations([*LIFE, (REVOKE, True), (PAUSE_OF_ALL, False)]))
def test_it_comes_to_the_same_in_every_order_and_merged_from_any_parts(
    said: list[tuple[ConsentContent, bool]],
) -> None:
    whole = put_together(sorted(said, key=lambda held: held[0].nonce))
    parts = [put_together([held]) for held in said]
    merged = Consents()
    for part in parts:
        merged = merge(merged, part)
    assert put_together(said) == whole
    assert merged == merge(whole, merged)
    assert merged.given.releases == whole.given.releases
    assert merged.given.stance == whole.given.stance


def test_only_a_version_of_the_discloser_that_names_a_stop_undoes_it() -> None:
    stop = make_stop(ConsentRevoke, 7, consent_id=None)
    for order in permutations([(GRANT, True), (stop, False)]):
        known = put_together(order)
        assert known.given.stance is Stance.ENDED
        theirs = make_release(ConsentGrant, 8, stop, consent_id=OTHER)
        assert learn(known, theirs, by_us=False).given.stance is Stance.ENDED
        ours = make_release(ConsentGrant, 8, stop, consent_id=OTHER)
        assert learn(known, ours, by_us=True).given.stance is Stance.GRANTED


def test_a_pause_of_theirs_holds_back_and_one_of_ours_does_not() -> None:
    pause = make_stop(ConsentPause, 7, consent_id=None)
    assert put_together([(pause, False)]).held_back
    assert not put_together([(pause, True)]).held_back
    # A release of theirs that is stopped, whoever said so, holds back too.
    assert put_together([(GRANT, False), (PAUSE, True)]).held_back
    assert not put_together([(GRANT, False)]).held_back


def test_a_window_undoes_no_stop_and_widens_nothing_that_is_stopped() -> None:
    known = put_together([(GRANT, True), (REVOKE, True), (WINDOW, True)])
    assert known.given.releases[0].stance is Stance.ENDED
    assert known.given.releases[0].windows == ()


def test_whoever_was_told_is_remembered_although_the_release_is_gone() -> None:
    named = make_release(ConsentGrant, 1, categories=("identity",))
    known = put_together([(named, True), (make_stop(ConsentRevoke, 2, named), True)])
    assert known.given.identified
    assert mark_identified(Consents()).given.identified
    assert not put_together([(GRANT, True)]).given.identified


@given(st.permutations([*LIFE, (REVOKE, False)]))
def test_a_row_reads_back_as_it_was_and_its_parts_merge_to_it(
    said: list[tuple[ConsentContent, bool]],
) -> None:
    known = put_together(said)
    raw = write_consents(CASE, PARTNER, known).value
    assert read_consents(raw) == known
    merged = Consents()
    for part in split(raw, most=900):
        assert len(write_consents(CASE, PARTNER, part).value) <= 3_900
        merged = merge(merged, part)
    assert merged == known
