"""The one proof of a manifest: what makes it hold, and what makes it follow the one before."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.parties import NOW
from tests.gallery.vouching import House

from quietway.keyring.publish import build_ops_list
from quietway_protocol.errors import ManifestRefusedError
from quietway_protocol.manifests import (
    ProvedManifest,
    check_follows,
    counts,
    prove_manifest,
    read_manifest,
)
from quietway_schemas.directory import DEPARTED_KEPT_MS, Departed, SignedObject
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway_crypto.signing import SigningKey

HOUSE = House("harbor")
ONE, TWO, THREE = HOUSE.ops
DESK, PHONE, TABLET = (HOUSE.device(name) for name in ("desk", "phone", "tablet"))
FIRST = HOUSE.manifest(DESK, PHONE)


def _left(device: object = PHONE, *, at: int = NOW, how: str = "retired") -> Departed:
    return Departed.model_validate(
        {
            "device_id": device.device,  # type: ignore[attr-defined] # a party
            "identity_key": device.identity_key,  # type: ignore[attr-defined] # the same
            "at": at,
            "how": how,
        }
    )


def _refusal(
    signed: SignedObject, *, after: SignedObject = FIRST, must_be_next: bool = True
) -> tuple[str, str]:
    """Prove it and ask whether it follows; give reason and field, or nothing."""
    try:
        proved = prove_manifest(signed, root_key=HOUSE.root.public)
        held = prove_manifest(after, root_key=HOUSE.root.public)
        check_follows(
            proved.manifest, held.manifest, held_hash=held.hash, must_be_next=must_be_next
        )
    except ManifestRefusedError as refused:
        return refused.reason, refused.field
    return "", ""


def test_a_manifest_that_holds_is_proved() -> None:
    proved = prove_manifest(FIRST, root_key=HOUSE.root.public)
    assert isinstance(proved, ProvedManifest)
    assert [held.device_id for held in proved.manifest.certificates] == sorted(
        [DESK.device, PHONE.device]
    )
    assert prove_manifest(FIRST) == proved


def test_a_manifest_holds_under_its_own_root_alone() -> None:
    with pytest.raises(ManifestRefusedError) as refused:
        prove_manifest(FIRST, root_key=House("another").root.public)
    assert (refused.value.reason, refused.value.field) == ("forged", "root_key")


@pytest.mark.parametrize(
    ("keys", "counted"),
    [
        ((ONE, TWO), True),
        ((TWO, THREE), True),
        ((ONE, TWO, THREE), True),
        ((HOUSE.root,), True),
        ((HOUSE.root, ONE), True),
        ((ONE,), False),
        ((ONE, House("another").root), False),
        ((House("another").ops[0], House("another").ops[1]), False),
        ((ONE, TWO, House("another").ops[0]), True),
    ],
)
def test_a_certificate_counts_with_the_root_or_with_as_many_ops_keys_as_are_asked(
    keys: tuple[SigningKey, ...], counted: bool
) -> None:
    ops = read_manifest(FIRST).ops
    assert counts(HOUSE.certify(TABLET, *keys), ops) is counted


def test_an_approval_in_a_known_name_that_does_not_verify_spoils_the_certificate() -> None:
    """Else whoever serves it could try approvals without being noticed."""
    ops = read_manifest(FIRST).ops
    good = HOUSE.certify(TABLET, ONE, TWO, THREE)
    bad = good.approvals[0].model_copy(update={"signature": bytes(64)})
    assert not counts(good.model_copy(update={"approvals": (bad, *good.approvals[1:])}), ops)


def test_an_ops_key_that_has_expired_neither_signs_nor_approves() -> None:
    ops = read_manifest(FIRST).ops
    late = NOW + 401 * DAY
    assert not counts(HOUSE.certify(TABLET, ONE, TWO, issued=late), ops)
    assert counts(HOUSE.certify(TABLET, HOUSE.root, issued=late), ops)
    old_list = HOUSE.ops_list(now=NOW - 400 * DAY)
    assert _refusal(HOUSE.manifest(DESK, ops_list=old_list)) == ("forged", "signed_by")


def test_a_key_that_left_the_ops_list_takes_its_approvals_with_it() -> None:
    """The certificate that it approved must be approved anew by who is left."""
    shorter = HOUSE.ops_list(version=2, keys=(ONE, TWO))
    former = HOUSE.certify(PHONE, TWO, THREE)
    signed = HOUSE.manifest(DESK, former, after=FIRST, ops_list=shorter)
    assert _refusal(signed) == ("forged", "approvals")
    again = HOUSE.certify(PHONE, ONE, TWO)
    assert _refusal(HOUSE.manifest(DESK, again, after=FIRST, ops_list=shorter)) == ("", "")


def test_a_next_version_follows() -> None:
    assert _refusal(HOUSE.manifest(DESK, PHONE, TABLET, after=FIRST)) == ("", "")
    left = HOUSE.manifest(DESK, after=FIRST, departed=[_left()])
    assert _refusal(left) == ("", "")


def test_a_version_goes_up_by_one_and_names_the_one_before() -> None:
    second = HOUSE.manifest(DESK, PHONE, after=FIRST)
    third = HOUSE.manifest(DESK, PHONE, after=second)
    assert _refusal(FIRST, after=second) == ("rolled_back", "version")
    assert _refusal(HOUSE.manifest(DESK)) == ("unlinked", "version")
    assert _refusal(third) == ("unlinked", "version")
    # A reader may have missed some, and then can't ask for the link.
    assert _refusal(third, must_be_next=False) == ("", "")
    other = HOUSE.manifest(DESK, PHONE, now=NOW + 1)
    assert _refusal(HOUSE.manifest(DESK, PHONE, after=other)) == ("unlinked", "prev_hash")


def test_the_agency_code_stays() -> None:
    renamed = House("haven")
    signed = HOUSE.manifest(DESK, PHONE, after=FIRST)
    held = read_manifest(signed)
    code = held.ops.model_copy(update={"agency_code": renamed.code})
    changed = held.model_copy(
        update={"ops_list": SignedObject(payload=code.to_canonical(), signature=bytes(64))}
    )
    with pytest.raises(ManifestRefusedError) as refused:
        check_follows(
            replace(prove_manifest(signed), manifest=_fresh(changed)).manifest,
            read_manifest(FIRST),
            held_hash=prove_manifest(FIRST).hash,
            must_be_next=True,
        )
    assert (refused.value.reason, refused.value.field) == ("inconsistent", "agency_code")


def _fresh(manifest: object) -> object:
    """A copy that has read nothing yet: what stands inside is read from the changed bytes."""
    fields = {name: getattr(manifest, name) for name in type(manifest).model_fields}  # type: ignore[attr-defined]  # it is a model
    return type(manifest).model_construct(**fields)  # type: ignore[attr-defined]  # it is a model


def test_the_ops_list_never_goes_down_and_has_one_text_a_version() -> None:
    newer = HOUSE.ops_list(version=2)
    second = HOUSE.manifest(DESK, PHONE, after=FIRST, ops_list=newer)
    assert _refusal(second) == ("", "")
    back = HOUSE.manifest(DESK, PHONE, after=second)
    assert _refusal(back, after=second) == ("rolled_back", "ops_list")
    other = HOUSE.manifest(DESK, PHONE, after=FIRST, ops_list=HOUSE.ops_list(now=NOW - 1))
    assert _refusal(other) == ("inconsistent", "ops_list")


def test_one_ops_key_brings_no_former_certificate_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its approvals still hold; so a holder alone could give a device the roles that it had."""
    wide = HOUSE.certify(PHONE, roles=("agency_lead", "shelter_staff"))
    narrow = HOUSE.certify(PHONE, issued=NOW + 1)
    first = HOUSE.manifest(DESK, wide)
    second = HOUSE.manifest(DESK, narrow, after=first)
    assert _refusal(second, after=first) == ("", "")
    third = HOUSE.manifest(DESK, wide, after=second)
    assert _refusal(third, after=second) == ("rolled_back", "certificate")
    assert _refusal(third, after=second, must_be_next=False) == ("rolled_back", "certificate")
    twin = HOUSE.certify(PHONE, issued=NOW + 1, roles=("agency_lead",))
    fork = HOUSE.manifest(DESK, twin, after=second)
    assert _refusal(fork, after=second) == ("rolled_back", "certificate")
    # Control: without it the wider roles are back, by the signature of one.
    without(monkeypatch, "quietway_protocol.manifests:_check_certificates", lambda *_: None)
    assert _refusal(third, after=second) == ("", "")


def test_one_ops_key_brings_no_device_back_that_left_long_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody names it any more by then, and who joins later never heard of it."""
    over = NOW + DEPARTED_KEPT_MS
    left = HOUSE.manifest(DESK, after=FIRST, departed=[_left(how="revoked")])
    forgotten = HOUSE.manifest(DESK, after=left, now=over)
    assert _refusal(forgotten, after=left) == ("", "")
    back = HOUSE.manifest(DESK, PHONE, after=forgotten, now=over)
    assert _refusal(back, after=forgotten) == ("rolled_back", "certificate")
    anew = HOUSE.manifest(DESK, HOUSE.certify(TABLET, issued=NOW + 1), after=forgotten, now=over)
    assert _refusal(anew, after=forgotten) == ("", "")
    # Control: without it the relay takes the lost device in again, by the signature of one.
    without(monkeypatch, "quietway_protocol.manifests:_check_certificates", lambda *_: None)
    assert _refusal(back, after=forgotten) == ("", "")


def test_one_ops_key_names_nobody_as_departed_who_never_was_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a retired device signed counts: it would be a speaker whom nobody approved."""
    ghost = HOUSE.manifest(DESK, PHONE, after=FIRST, departed=[_left(TABLET)])
    assert _refusal(ghost) == ("inconsistent", "departed")
    left = HOUSE.manifest(DESK, after=FIRST, departed=[_left()])
    kept = HOUSE.manifest(DESK, after=left, departed=[_left()])
    assert _refusal(kept, after=left) == ("", "")
    # Control: without it the relay takes it, and shows it to everybody.
    without(monkeypatch, "quietway_protocol.manifests:_check_were_there", lambda *_: None)
    assert _refusal(ghost) == ("", "")


def test_a_key_that_has_expired_signs_no_version_that_is_dated_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expires = NOW + 10 * DAY
    ops_list = build_ops_list(
        HOUSE.root,
        agency_id=HOUSE.agency,
        agency_code=HOUSE.code,
        ops={ONE.public: expires, TWO.public: NOW + 400 * DAY},
        approvals=2,
        version=1,
        now=NOW,
    )
    first = HOUSE.manifest(DESK, PHONE, ops_list=ops_list)
    renewed = HOUSE.manifest(
        DESK, PHONE, after=first, ops_list=ops_list, ops=TWO, now=expires + DAY
    )
    assert _refusal(renewed, after=first) == ("", "")
    revoking = partial(
        HOUSE.manifest,
        DESK,
        after=renewed,
        ops_list=ops_list,
        ops=ONE,
        departed=[_left(how="revoked")],
    )
    dated_back = revoking(now=expires - 1)
    assert _refusal(dated_back, after=renewed) == ("rolled_back", "issued")
    assert _refusal(revoking(now=expires + DAY), after=renewed) == ("forged", "signed_by")
    # Control: without it a key goes on deciding after its end.
    without(monkeypatch, "quietway_protocol.manifests:_check_time", lambda *_: None)
    assert _refusal(dated_back, after=renewed) == ("", "")


def test_who_leaves_is_named_with_the_key_it_had() -> None:
    assert _refusal(HOUSE.manifest(DESK, after=FIRST)) == ("inconsistent", "departed")
    other_key = _left().model_copy(update={"identity_key": TABLET.identity_key})
    wrong = HOUSE.manifest(DESK, after=FIRST, departed=[other_key])
    assert _refusal(wrong) == ("inconsistent", "departed")


def test_who_left_is_named_for_35_days_and_changes_only_to_revoked() -> None:
    second = HOUSE.manifest(DESK, after=FIRST, departed=[_left()])
    for departed, now, refusal in (
        ([], NOW + DEPARTED_KEPT_MS - 1, ("inconsistent", "departed")),
        ([], NOW + DEPARTED_KEPT_MS, ("", "")),
        ([_left(at=NOW - 1)], NOW, ("inconsistent", "departed")),
        ([_left(how="revoked")], NOW, ("", "")),
        ([_left(how="revoked", at=NOW + 1)], NOW + 1, ("", "")),
    ):
        third = HOUSE.manifest(DESK, after=second, departed=departed, now=now)
        assert _refusal(third, after=second) == refusal
    revoked = HOUSE.manifest(DESK, after=second, departed=[_left(how="revoked")])
    softened = HOUSE.manifest(DESK, after=revoked, departed=[_left()])
    assert _refusal(softened, after=revoked) == ("inconsistent", "departed")


def test_no_device_comes_back() -> None:
    second = HOUSE.manifest(DESK, after=FIRST, departed=[_left()])
    back = HOUSE.manifest(DESK, PHONE, after=second)
    assert _refusal(back, after=second) == ("rolled_back", "departed")


def test_control_without_the_rule_of_those_who_left_a_revoked_device_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_protocol.manifests:_check_departed", lambda *_, **__: None)
    second = HOUSE.manifest(DESK, after=FIRST, departed=[_left(how="revoked")])
    assert _refusal(HOUSE.manifest(DESK, PHONE, after=second), after=second) == ("", "")


def test_a_reader_who_missed_a_whole_departure_is_not_stopped_by_it() -> None:
    second = HOUSE.manifest(DESK, after=FIRST, departed=[_left()])
    much_later = NOW + DEPARTED_KEPT_MS
    third = HOUSE.manifest(DESK, after=second, now=much_later)
    assert _refusal(third, must_be_next=False) == ("", "")
    too_early = HOUSE.manifest(DESK, after=second, now=NOW + 1)
    assert _refusal(too_early, must_be_next=False) == ("inconsistent", "departed")
