"""Row 5: an id of one kind, or of one owner, is taken for another's.

The attacker is a member agency, or who can try many keys. In Matrix a device id could be shown
where a key id was asked, and the person confirmed the wrong one; XChat's ids were cut to 53 bits.
Defences: ids are 16 random bytes with a kind that is part of their text and their type; who signed
is looked up by agency and device together, so that an id which two agencies claim names nobody
else's device; and a message's id is 128 bits of a hash over all that is said.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.parties import FLASH, NOW, POLICE, SHELTER, Party, draw, make_core, send, text
from tests.gallery.vouching import House, batch, pinned, serve

from quietway import sealing
from quietway.errors import RelayRefused
from quietway.sealing import OpeningRefused, Reader, open_envelope
from quietway.testing.relay_directory import RelayDirectory
from quietway_crypto.encoding import TAG_MESSAGE_ID, hash_tagged
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

if TYPE_CHECKING:
    from quietway.keyring.trust import Directory

KINDS: tuple[type[Id], ...] = (
    *(AgencyId, DeviceId, MailboxId, EnvelopeId),
    *(ConversationId, MessageId, ReferralRef, CaseRef),
)
HOUSE, RIVAL = House("harbor"), House("rival", approvals=1)
VICTIM = HOUSE.device("desk")
# The rival certifies a device of its own under the id of the victim's.
DOUBLE = RIVAL.certificate(RIVAL.device("desk"), device_id=VICTIM.device)
TRIES = 2**20
FEWER = 2**18


@pytest.mark.parametrize(("made", "asked"), list(permutations(KINDS, 2)))
def test_an_id_of_one_kind_is_never_read_as_another(made: type[Id], asked: type[Id]) -> None:
    raw = draw("the same sixteen bytes")
    assert made(raw) != asked(raw)
    with pytest.raises(IdError):
        asked.from_text(str(made(raw)))


@pytest.mark.parametrize("kind", [AgencyId, MailboxId, EnvelopeId])
def test_no_device_is_certified_under_the_id_of_something_else(kind: type[Id]) -> None:
    with pytest.raises(ContentError, match="device_id"):
        HOUSE.certificate(VICTIM, device_id=kind(VICTIM.device.value))


def _know_both() -> Directory:
    directory = pinned(HOUSE, RIVAL)
    first = HOUSE.manifest(VICTIM)
    assert serve(directory, HOUSE.agency, first, batch(VICTIM, first)) == ()
    second = RIVAL.manifest(_certify_double())
    assert serve(directory, RIVAL.agency, second) == ()
    return directory


def _certify_double() -> object:
    return RIVAL.certify(RIVAL.device("desk"), device_id=VICTIM.device)


def _speak_as_the_victim(directory: Directory) -> Party:
    """The rival's key signs a message in the name of the victim's agency; returns its author."""
    core = make_core(VICTIM, text(), SHELTER)
    rival = RIVAL.device("desk")
    reader = Reader(
        agency=SHELTER.agency,
        device=SHELTER.device,
        mailbox=SHELTER.mailbox,
        suites=(1, 2),
        find_key=SHELTER.pair,
        find_signer=directory.signer,
        is_partner=lambda agency: agency in directory.pinned(),
    )
    opened = open_envelope(send(rival, SHELTER, core, FLASH), reader=reader, now=NOW)
    assert opened.core.agency == VICTIM.agency
    return rival


def test_a_device_id_that_two_agencies_claim_speaks_for_each_with_its_own_key() -> None:
    directory = _know_both()
    with pytest.raises(OpeningRefused, match="forged"):
        _speak_as_the_victim(directory)
    mine = directory.device(HOUSE.agency, VICTIM.device)
    theirs = directory.device(RIVAL.agency, VICTIM.device)
    assert mine is not None
    assert theirs is not None
    assert mine.identity_key != theirs.identity_key
    assert mine.mailbox != theirs.mailbox


def test_control_where_a_device_id_alone_names_the_signer_the_rival_is_the_victim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory = _know_both()
    known = directory.signer

    def by_device_alone(_self: object, _agency: AgencyId, device: DeviceId) -> object:
        return known(RIVAL.agency, device)

    without(monkeypatch, "quietway.keyring.trust:Directory.signer", by_device_alone)
    assert _speak_as_the_victim(directory) == RIVAL.device("desk")


def test_a_relay_lets_nobody_claim_anothers_device_or_mailbox() -> None:
    relay = RelayDirectory()
    for code in ("one", "two"):
        relay.add_code(code)
    relay.put_manifest(HOUSE.agency, HOUSE.manifest(VICTIM), "one", now=NOW)
    desk = RIVAL.device("desk")
    for stolen in ({"device_id": VICTIM.device}, {"mailbox": VICTIM.mailbox}):
        claiming = RIVAL.manifest(RIVAL.certify(desk, **stolen))
        with pytest.raises(RelayRefused, match="invalid_field"):
            relay.put_manifest(RIVAL.agency, claiming, "two", now=NOW)


def _count_collisions(tries: int) -> int:
    """Name so many messages that differ in a counter, and count names that came twice."""
    core = bytearray(make_core(POLICE, text(), SHELTER))
    seen = set()
    for number in range(tries):
        core[-8:] = number.to_bytes(8, "big")
        seen.add(sealing.name_message(bytes(core)).value)
    return tries - len(seen)


def test_a_million_messages_have_a_million_names() -> None:
    assert _count_collisions(TRIES) == 0


def test_control_names_of_32_bits_collide_among_far_fewer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cut(core: bytes) -> MessageId:
        return MessageId(hash_tagged(TAG_MESSAGE_ID, core)[:4] + bytes(12))

    without(monkeypatch, "quietway.sealing:name_message", cut)
    assert _count_collisions(FEWER) > 0
