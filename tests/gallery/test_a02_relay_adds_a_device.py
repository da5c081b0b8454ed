"""Row 2: the relay adds a device to an agency, and everything is sealed to it too.

The attacker serves the directory, and in the last tests one of an agency's three ops keys is his
(Matrix's second variant: the server names a user's devices). He serves manifests that look whole:
with a device more, signed by whatever he has. Defences: the ops list is the pinned root's, a
certificate counts with as many ops keys' approvals as the list asks for, and what does not hold is
never shown, so nobody can seal to it by mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.parties import FLASH, NOW, make_core, text
from tests.gallery.vouching import House, batch, pinned, serve

from quietway.answers import Answers
from quietway.engine.effects import Seal
from quietway.errors import DirectoryRefused, IdentityChanged
from quietway.keyring.body import Founding
from quietway.keyring.keyring import Keyring
from quietway.keyring.publish import approve, build_manifest, build_ops_list, certify
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.signing import SigningKey
from quietway_schemas.directory import SignedObject
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway.keyring.trust import Directory

HOUSE = House("harbor")
HONEST = HOUSE.device("front desk")
INTRUDER = HOUSE.device("a machine of the relay's")
THIEF = SigningKey(b"t" * 32)
FIRST = HOUSE.manifest(HONEST)


def _sign_with_another_ops_key() -> SignedObject:
    """A manifest by a key that the ops list does not name."""
    return HOUSE.manifest(HONEST, HOUSE.certify(INTRUDER, THIEF), after=FIRST, ops=THIEF)


def _alter_the_signed_one() -> SignedObject:
    """The agency's own signature, under more devices than it was made for."""
    more = HOUSE.manifest(HONEST, INTRUDER, after=FIRST)
    honest = HOUSE.manifest(HONEST, after=FIRST)
    return SignedObject(payload=more.payload, signature=honest.signature)


def _bring_an_own_ops_list() -> SignedObject:
    """An ops list in the root's name, which the root did not sign."""
    own = HOUSE.ops_list(version=2, keys=(THIEF,))
    forged = SignedObject(payload=own.payload, signature=THIEF.sign("quietway/v1/ops-list", b"{}"))
    return HOUSE.manifest(
        HOUSE.certify(HONEST, THIEF),
        HOUSE.certify(INTRUDER, THIEF),
        after=FIRST,
        ops_list=forged,
        ops=THIEF,
    )


def _borrow_approvals() -> SignedObject:
    """One ops holder signs, with the approvals that another device got."""
    certificate = HOUSE.certificate(INTRUDER).to_canonical()
    borrowed = certify(certificate, HOUSE.certify(HONEST).approvals)
    return HOUSE.manifest(HONEST, borrowed, after=FIRST)


def _approve_alone() -> SignedObject:
    """One ops holder signs and approves, where it takes two."""
    return HOUSE.manifest(HONEST, HOUSE.certify(INTRUDER, HOUSE.ops[0]), after=FIRST)


def _approve_with_a_stranger() -> SignedObject:
    """One ops holder, and a key that is in no list."""
    return HOUSE.manifest(HONEST, HOUSE.certify(INTRUDER, HOUSE.ops[0], THIEF), after=FIRST)


def _approve_with_an_expired_key() -> SignedObject:
    """Two keys of the list, but both had expired when the certificate was issued."""
    late = HOUSE.certify(INTRUDER, issued=NOW + 401 * DAY)
    return HOUSE.manifest(HONEST, late, after=FIRST)


ATTACKS = [
    _sign_with_another_ops_key,
    _alter_the_signed_one,
    _bring_an_own_ops_list,
    _borrow_approvals,
    _approve_alone,
    _approve_with_a_stranger,
    _approve_with_an_expired_key,
]


def _meet(manifest: SignedObject) -> tuple[Directory, list[str]]:
    """Serve what is true, then the attacker's, with a batch of the intruder's keys."""
    directory = pinned(HOUSE)
    assert serve(directory, HOUSE.agency, FIRST, batch(HONEST, FIRST)) == ()
    refused = serve(directory, HOUSE.agency, manifest)
    return directory, [held.reason for held in refused if isinstance(held, DirectoryRefused)]


def _seal_to_both(directory: Directory, manifest: SignedObject) -> set[object]:
    """Seal to whoever the agency is said to have; give the devices that got a copy."""
    serve(directory, HOUSE.agency, batch(INTRUDER, manifest, now=NOW + 1))
    keyring = Keyring.in_memory(
        entropy=SeededEntropy(2),
        founding=Founding("https://relay.example", "MERCY", "MERCY-DESK", ("shelter_staff",)),
    )
    answers = Answers(keyring, directory, SeededEntropy(3))
    devices = [(HOUSE.agency, held.device) for held in directory.devices_of(HOUSE.agency)]
    # The attacker's best case: the sender even asks for it by name.
    asked = (*devices, (HOUSE.agency, INTRUDER.device))
    core = make_core(HONEST, text())
    sealed = answers.seal(Seal(b"one", FLASH, core, tuple(dict.fromkeys(asked))), now=NOW)
    return {copy.device for copy in sealed.copies}


@pytest.mark.requirement("A01")
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__.strip("_"))
def test_a_device_that_the_agency_did_not_vouch_for_gets_nothing(
    attack: Callable[[], SignedObject],
) -> None:
    """A01: least access. Who is certified is the agency's decision, never the relay's."""
    manifest = attack()
    directory, reasons = _meet(manifest)
    assert reasons == ["forged"]
    assert [held.device for held in directory.devices_of(HOUSE.agency)] == [HONEST.device]
    assert directory.manifest_version(HOUSE.agency) == 1
    assert directory.standing(HOUSE.agency, INTRUDER.device).name == "unknown"
    assert _seal_to_both(directory, manifest) == {HONEST.device}


def test_an_agency_made_up_by_the_relay_is_an_alarm_and_nothing_is_sealed_to_it() -> None:
    """A whole agency of the relay's own under the known id: another root key stops everything."""
    thief, ops = THIEF, HOUSE.ops[0]
    ops_list = build_ops_list(
        thief,
        agency_id=HOUSE.agency,
        agency_code=HOUSE.code,
        ops={ops.public: NOW + DAY},
        approvals=1,
        version=1,
        now=NOW,
    )
    certificate = HOUSE.certificate(INTRUDER).to_canonical()
    manifest = build_manifest(
        ops,
        ops_list=ops_list,
        devices=[certify(certificate, [approve(certificate, ops)])],
        version=1,
        prev_hash=bytes(32),
        now=NOW,
    )
    directory = pinned(HOUSE)
    serve(directory, HOUSE.agency, FIRST, batch(HONEST, FIRST))
    (problem,) = serve(directory, HOUSE.agency, manifest)
    assert isinstance(problem, IdentityChanged)
    assert _seal_to_both(directory, manifest) == set()


@pytest.mark.parametrize("attack", [_borrow_approvals, _approve_alone, _approve_with_a_stranger])
def test_control_without_the_count_of_approvals_one_holder_adds_a_device(
    attack: Callable[[], SignedObject], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway_protocol.manifests:counts", lambda *_: True)
    manifest = attack()
    directory, reasons = _meet(manifest)
    assert reasons == []
    assert _seal_to_both(directory, manifest) == {HONEST.device, INTRUDER.device}


@pytest.mark.parametrize("attack", [_alter_the_signed_one, _bring_an_own_ops_list])
def test_control_without_signatures_the_relay_adds_a_device(
    attack: Callable[[], SignedObject], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway_protocol.manifests:_verify", lambda *_: None)
    manifest = attack()
    directory, reasons = _meet(manifest)
    assert reasons == []
    assert INTRUDER.device in _seal_to_both(directory, manifest)
