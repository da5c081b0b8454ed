"""Row 23: talking a sender or a reader down to the suite that is not post-quantum.

The attacker is the relay, which serves the directory and carries every envelope; in one test it is
whoever can sign for the agency later. He strips the better suite from a certificate or from a batch
of keys, puts an older certificate back, changes the suite's byte, or offers an envelope under the
weaker suite (RFC 9180, section 9.7.2). Defences: suites stand in the certificate that the agency
signs, the suite's byte is bound, a reader refuses the weaker suite where both sides know the better
one, and what a sender has once used for a device never goes down again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.parties import (
    FLASH,
    NOW,
    POLICE,
    SHELTER,
    Party,
    make_core,
    make_header,
    seal_by_hand,
    send,
    sign_for,
    text,
)
from tests.gallery.vouching import House, batch, load_keys, restored
from tests.logged_pages import make_page

from quietway.answers import Answers
from quietway.engine.effects import Seal
from quietway.keyring.body import Founding
from quietway.keyring.keyring import Keyring
from quietway.keyring.trust import Directory
from quietway.sealing import SUITE_REFUSED, UNDECRYPTABLE, OpeningRefused, open_envelope
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.passphrase import PassphraseParameters
from quietway_schemas.directory import (
    DirectoryEntry,
    EpochBatch,
    Manifest,
    SignedObject,
)
from quietway_schemas.envelope import Header

if TYPE_CHECKING:
    from pathlib import Path

    from quietway.engine.inputs import Sealed

EPOCH = FLASH.epoch_of(NOW)
CORE = make_core(POLICE, text(), SHELTER)


@dataclass(frozen=True, slots=True)
class Published:
    """What the shelter has signed at one time, as the relay holds it."""

    manifest: SignedObject
    batch: SignedObject


HOUSE = House("shelter", approvals=1)


def _publish(
    suites: tuple[int, ...], *, after: Published | None = None, keys: tuple[int, ...] = ()
) -> Published:
    """Sign a manifest that lists these suites, and a batch with the keys of these."""
    version = 1 if after is None else 2
    device = HOUSE.certify(replace(SHELTER, suites=suites), issued=NOW + version)
    signed = HOUSE.manifest(
        device, after=None if after is None else after.manifest, now=NOW + version
    )
    return Published(signed, batch(SHELTER, signed, now=NOW + version, suites=keys or suites))


def _serve(directory: Directory, published: Published) -> list[str]:
    """Serve both objects, as the relay does; returns the reasons of what was refused."""
    entries = (
        DirectoryEntry(seq=1, kind="manifest", agency_id=SHELTER.agency, object=published.manifest),
        DirectoryEntry(seq=2, kind="epochs", agency_id=SHELTER.agency, object=published.batch),
    )
    page = make_page(*entries)
    return [refused.reason for refused in directory.apply(page, now=NOW)]


def _pinned() -> Directory:
    directory = Directory()
    directory.pin(SHELTER.agency, HOUSE.root.public)
    return directory


def _strip_certificate(published: Published) -> Published:
    manifest = Manifest.from_canonical(published.manifest.payload, max_bytes=10_000)
    weaker = replace_suites(manifest)
    forged = published.manifest.model_copy(update={"payload": weaker.to_canonical()})
    return replace(published, manifest=forged)


def replace_suites(manifest: Manifest) -> Manifest:
    """Write the certificates down to the sealed box alone."""
    devices = tuple(
        held.model_copy(
            update={"certificate": held.read.model_copy(update={"suites": (1,)}).to_canonical()}
        )
        for held in manifest.devices
    )
    return manifest.model_copy(update={"devices": devices})


def _strip_batch(published: Published) -> Published:
    held = EpochBatch.from_canonical(published.batch.payload, max_bytes=10_000)
    epochs = tuple(
        epoch.model_copy(update={"keys": {"1": epoch.keys["1"]}}) for epoch in held.epochs
    )
    weaker = held.model_copy(update={"epochs": epochs}).to_canonical()
    forged = published.batch.model_copy(update={"payload": weaker})
    return replace(published, batch=forged)


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    """Give the sender's own keyring, which knows both suites."""
    return Keyring.create(
        tmp_path / "keyring",
        passphrase="a passphrase for one test",
        entropy=SeededEntropy(23),
        parameters=PassphraseParameters(time_cost=1, memory_kib=8, parallelism=1),
        founding=Founding("https://relay.example", "POLICE", "POLICE-DESK", ("police_liaison",)),
    )


def _seal(keyring: Keyring, directory: Directory) -> Sealed:
    answers = Answers(keyring, directory, SeededEntropy(24))
    asked = Seal(b"local id", FLASH, CORE, ((SHELTER.agency, SHELTER.device),))
    return answers.seal(asked, now=NOW)


def _suites_sent(sealed: Sealed) -> list[int]:
    return [Header.unpack(copy.record[:37]).suite for copy in sealed.copies]


def test_a_certificate_stripped_of_the_better_suite_is_forged() -> None:
    directory = _pinned()
    # Without its manifest the batch proves nothing yet: it waits, and no key of it is used.
    assert _serve(directory, _strip_certificate(_publish((1, 2)))) == ["forged"]
    assert directory.devices_of(SHELTER.agency) == ()


def test_control_without_the_agencys_signature_the_stripped_certificate_is_taken(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway_protocol.manifests:verify", lambda *_: None)
    stripped = _strip_certificate(_publish((1, 2)))
    rebound = batch(SHELTER, stripped.manifest, suites=(1,))
    directory = _pinned()
    assert _serve(directory, replace(stripped, batch=rebound)) == []
    assert _suites_sent(_seal(keyring, directory)) == [1]


def test_a_batch_stripped_of_the_better_suites_keys_is_forged(keyring: Keyring) -> None:
    directory = _pinned()
    assert _serve(directory, _strip_batch(_publish((1, 2)))) == ["forged"]
    sealed = _seal(keyring, directory)
    assert sealed.copies == ()
    assert [left.reason for left in sealed.unsealed] == ["unreachable"]


def test_an_older_certificate_does_not_come_back() -> None:
    first = _publish((1,))
    directory = _pinned()
    assert _serve(directory, _publish((1, 2), after=first)) == []
    assert _serve(directory, first)[0] == "rolled_back"
    assert [held.suites for held in directory.devices_of(SHELTER.agency)] == [(1, 2)]


def test_keys_of_the_weaker_suite_alone_are_not_used_where_both_know_the_better(
    keyring: Keyring,
) -> None:
    """The device itself signed this batch, maybe unfinished: still nothing goes classical."""
    directory = _pinned()
    assert _serve(directory, _publish((1, 2), keys=(1,))) == []
    sealed = _seal(keyring, directory)
    assert sealed.copies == ()
    assert [left.reason for left in sealed.unsealed] == ["unreachable"]


def test_control_a_sender_that_takes_what_there_is_goes_classical_silently(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.answers:choose_suite", lambda *_, **__: 1)
    directory = _pinned()
    _serve(directory, _publish((1, 2), keys=(1,)))
    assert _suites_sent(_seal(keyring, directory)) == [1]


def _downgrade_by_signature(keyring: Keyring) -> tuple[list[int], Sealed]:
    """Send once under the better suite, then follow a manifest that no longer lists it."""
    first = _publish((1, 2))
    directory = _pinned()
    assert _serve(directory, first) == []
    before = _suites_sent(_seal(keyring, directory))
    # The floor is part of what the store keeps: a restart does not lower it.
    again = restored(directory)
    assert _serve(again, _publish((1,), after=first)) == []
    load_keys(again, directory)
    return before, _seal(keyring, again)


def test_not_even_the_agencys_own_signature_takes_a_sender_below_its_floor(
    keyring: Keyring,
) -> None:
    before, after = _downgrade_by_signature(keyring)
    assert before == [2]
    assert after.copies == ()
    assert [left.reason for left in after.unsealed] == [SUITE_REFUSED]


def test_control_without_the_floor_the_next_message_goes_classical(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.keyring.trust:Directory.suite_floor", lambda *_: 0)
    before, after = _downgrade_by_signature(keyring)
    assert before == [2]
    assert _suites_sent(after) == [1]


def _refusal(envelope: bytes, reader: Party = SHELTER, signer: Party = POLICE) -> str:
    with pytest.raises(OpeningRefused) as refused:
        open_envelope(envelope, reader=reader.reading(signer), now=NOW)
    return refused.value.reason


def test_a_reader_refuses_the_weaker_suite_where_both_know_the_better() -> None:
    assert _refusal(send(POLICE, SHELTER, CORE, FLASH, suite=1)) == SUITE_REFUSED


@pytest.mark.parametrize("side", ["signer", "reader"])
def test_the_weaker_suite_is_accepted_where_one_side_has_no_other(side: str) -> None:
    signer = replace(POLICE, suites=(1,)) if side == "signer" else POLICE
    reader = replace(SHELTER, suites=(1,)) if side == "reader" else SHELTER
    envelope = send(signer, reader, CORE, FLASH, suite=1)
    assert reader.open(envelope, signer).content == text()


def test_control_without_the_readers_rule_the_weaker_suite_is_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.sealing:check_suite", lambda *_: None)
    envelope = send(POLICE, SHELTER, CORE, FLASH, suite=1)
    assert SHELTER.open(envelope, POLICE).content == text()


@pytest.mark.parametrize(("sent", "shown"), [(1, 2), (2, 1)])
def test_an_envelope_whose_suite_byte_was_changed_does_not_open(sent: int, shown: int) -> None:
    envelope = send(POLICE, SHELTER, CORE, FLASH, suite=sent)
    assert _refusal(envelope[:2] + bytes([shown]) + envelope[3:]) == UNDECRYPTABLE


def test_a_message_signed_for_the_better_suite_is_forged_under_the_weaker() -> None:
    """The recipient's thief moves what he opened into a sealed box: the header is signed too."""
    weak, strong = make_header(SHELTER, FLASH, suite=1), make_header(SHELTER, FLASH, suite=2)
    message = sign_for(POLICE.identity, SHELTER, strong, CORE) + CORE
    # Checked with a signer who lacks the better suite, so that nothing but the signature decides.
    older = replace(POLICE, suites=(1,))
    assert _refusal(seal_by_hand(SHELTER, weak, message), signer=older) == "forged"
