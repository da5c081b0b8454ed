"""Sealing and opening: the order of refusals, and that nothing unverified comes out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.engine.world import START, text_content
from tests.controls import without

from quietway.sealing import (
    BAD_CONTENT,
    BAD_TIME,
    EXPIRED,
    FORGED,
    NOT_ADDRESSED,
    PENDING,
    SUITE_REFUSED,
    UNDECRYPTABLE,
    UNSUPPORTED_DICTIONARY,
    Opened,
    OpeningRefused,
    Reader,
    Recipient,
    digest_audience,
    name_message,
    open_envelope,
    seal_message,
)
from quietway_crypto.errors import CryptoError
from quietway_crypto.padding import pad
from quietway_crypto.seal import seal
from quietway_crypto.signing import SigningKey
from quietway_crypto.suite_codes import Suite
from quietway_crypto.suites import derive_keypair
from quietway_schemas.envelope import Core, EnvelopeClass, Header
from quietway_schemas.ids import AgencyId, ConversationId, DeviceId, EnvelopeId, MailboxId
from quietway_schemas.instants import DAY, HOUR, MINUTE

FLASH = EnvelopeClass.FLASH
SENDER, OTHER = SigningKey(b"1" * 32), SigningKey(b"2" * 32)
AGENCY, FROM, ME = AgencyId(b"a" * 16), DeviceId(b"f" * 16), DeviceId(b"m" * 16)
MAILBOX = MailboxId(b"x" * 16)
EPOCH = FLASH.epoch_of(START)
SEED = b"s" * 32


class SenderCertificate:
    identity_key = SENDER.public
    roles: tuple[str, ...] = ("shelter_staff",)
    suites: tuple[int, ...] = (1, 2)
    trusted_until: int | None = None


def reader(**changes: object) -> Reader:
    made = Reader(
        agency=AgencyId(b"r" * 16),
        device=ME,
        mailbox=MAILBOX,
        suites=(1, 2),
        find_key=lambda class_, epoch, suite: (
            derive_keypair(Suite(suite), SEED) if (class_, epoch) == (FLASH, EPOCH) else None
        ),
        find_signer=lambda agency, device: (
            SenderCertificate() if (agency, device) == (AGENCY, FROM) else None
        ),
        is_partner=lambda agency: agency == AGENCY,
    )
    return replace(made, **changes)


def core(**changes: object) -> Core:
    made = Core(
        agency=AGENCY,
        device=FROM,
        incarnation=b"i" * 8,
        manifest_version=1,
        conversation=ConversationId(b"c" * 16),
        audience_digest=digest_audience([FROM, ME]),
        seq=0,
        prev=bytes(32),
        created=START,
        expires=START + DAY,
        content=text_content("hello"),
    )
    return replace(made, **changes)


def recipient(suite: int = 2, **changes: object) -> Recipient:
    public = derive_keypair(Suite(suite), SEED).public
    return replace(Recipient(ME, MAILBOX, suite, EPOCH, public), **changes)


def seal_core(said: Core, whom: Recipient | None = None, identity: SigningKey = SENDER) -> bytes:
    record = seal_message(
        said.pack(),
        class_=FLASH,
        recipient=whom or recipient(),
        identity=identity,
        envelope_id=EnvelopeId(b"e" * 16),
        withdraw_secret=b"w" * 32,
    )
    return record.header.pack() + record.sealed


def open_as_me(envelope: bytes, now: int = START, **changes: object) -> Opened:
    return open_envelope(envelope, reader=reader(**changes), now=now)


def refusal_of(envelope: bytes, now: int = START, **changes: object) -> str:
    with pytest.raises(OpeningRefused) as refused:
        open_as_me(envelope, now, **changes)
    assert refused.value.__cause__ is None
    return refused.value.reason


@pytest.mark.requirement("D03")
@pytest.mark.parametrize("suite", [1, 2])
def test_what_was_sealed_to_me_opens_and_its_author_is_certain(suite: int) -> None:
    """D03: a sealed box authenticates nobody, so a signature stands inside it."""
    certificate = SenderCertificate()
    certificate.suites = (suite,)
    opened = open_as_me(seal_core(core(), recipient(suite)), find_signer=lambda *_: certificate)
    assert opened.core == core()
    assert opened.message_id == name_message(core().pack())
    assert "hello" not in repr(opened)


@pytest.mark.requirement("D03")
def test_a_box_signed_by_another_key_is_forged() -> None:
    """D03: who can seal to me can't speak for somebody else."""
    assert refusal_of(seal_core(core(), identity=OTHER)) == FORGED


def test_a_box_for_another_device_with_the_same_keys_is_forged() -> None:
    assert refusal_of(seal_core(core()), device=DeviceId(b"n" * 16)) == FORGED


def test_a_signature_for_another_envelope_is_forged_under_the_suite_that_binds_nothing() -> None:
    signed = seal_core(core(), recipient(1))
    header = Header(FLASH, 1, EPOCH, MAILBOX, EnvelopeId(b"o" * 16))
    assert refusal_of(header.pack() + signed[37:]) == FORGED


def test_the_header_is_bound_by_the_hybrid_seal() -> None:
    sealed = seal_core(core())
    for bit in (8 * 21, 8 * 36 + 7):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << (bit % 8)
        assert refusal_of(bytes(flipped)) == UNDECRYPTABLE


def test_an_envelope_for_another_mailbox_is_not_even_tried() -> None:
    def fail(*_: object) -> None:
        pytest.fail("A key was asked for.")

    other = recipient(mailbox=MailboxId(b"y" * 16))
    assert refusal_of(seal_core(core(), other), find_key=fail) == NOT_ADDRESSED
    for broken in (b"", b"\x02" * 37, seal_core(core())[:20]):
        assert refusal_of(broken, find_key=fail) == NOT_ADDRESSED


def test_without_its_epochs_seed_an_envelope_is_undecryptable() -> None:
    assert refusal_of(seal_core(core()), find_key=lambda *_: None) == UNDECRYPTABLE
    wrong = derive_keypair(Suite.HYBRID, b"t" * 32)
    assert refusal_of(seal_core(core()), find_key=lambda *_: wrong) == UNDECRYPTABLE


def test_a_signer_that_nobody_vouches_for_is_pending() -> None:
    assert refusal_of(seal_core(core()), find_signer=lambda *_: None) == PENDING


def test_the_weaker_suite_is_refused_where_both_know_the_better_one() -> None:
    weak = seal_core(core(), recipient(1))
    assert refusal_of(weak) == SUITE_REFUSED
    assert open_as_me(weak, suites=(1,)).core == core()


@pytest.mark.parametrize(
    ("changes", "now", "reason"),
    [
        ({}, START + DAY, EXPIRED),
        ({"created": START + 10 * MINUTE + 1}, START, BAD_TIME),
        ({"expires": START + FLASH.life_ms + 1}, START, BAD_TIME),
        ({"created": START, "expires": START + 1, "seq": 0}, START + 1, EXPIRED),
        ({"created": FLASH.epoch_end(EPOCH) + 2 * HOUR + 1}, START + 3 * DAY, EXPIRED),
    ],
)
def test_times_that_do_not_hold_are_refused(changes: dict[str, int], now: int, reason: str) -> None:
    assert refusal_of(seal_core(core(**changes)), now) == reason


def test_a_message_of_a_later_day_does_not_hide_in_an_older_days_envelope() -> None:
    created = FLASH.epoch_end(EPOCH) + 2 * HOUR + 1
    late = core(created=created, expires=created + HOUR)
    assert refusal_of(seal_core(late), created) == BAD_TIME
    early = core(created=FLASH.epoch_start(EPOCH) - HOUR, expires=FLASH.epoch_start(EPOCH))
    assert refusal_of(seal_core(early), FLASH.epoch_start(EPOCH) - 1) == BAD_TIME


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        text_content("hello") + b" ",
        text_content("hello").replace(b"message.text", b"referral.packet"),
        text_content("hello").replace(b'"type"', b'"kind"'),
    ],
)
def test_content_that_the_dictionary_does_not_have_is_bad(content: bytes) -> None:
    assert refusal_of(seal_core(core(content=content))) == BAD_CONTENT


def said_with(version: str, text: str = '"hello"') -> bytes:
    head = f'{{"dictionary_version":"{version}","schema_version":1'
    return f'{head},"text":{text},"type":"message.text"}}'.encode()


def test_what_was_said_with_a_dictionary_that_is_not_known_here_is_told_apart() -> None:
    later = open_as_me(seal_core(core(content=said_with("0.3.0"))))
    assert later.content.dictionary_version == "0.3.0"
    for content in (said_with("1.0.0"), said_with("0.3.0", "7")):
        assert refusal_of(seal_core(core(content=content))) == UNSUPPORTED_DICTIONARY
    assert refusal_of(seal_core(core(content=said_with("0.1.0", "7")))) == BAD_CONTENT


def test_a_core_longer_than_its_class_is_undecryptable() -> None:
    whom = recipient(1)
    header = Header(FLASH, 1, EPOCH, MAILBOX, EnvelopeId(b"e" * 16))
    raw = core(content=b"x" * (FLASH.content_room + 1)).pack()
    inner = pad(bytes(64) + raw, FLASH.sealed_bytes - 48)
    sealed = seal(Suite.SEALED_BOX, whom.public_key, inner, header=header.pack())
    assert refusal_of(header.pack() + sealed) == UNDECRYPTABLE
    with pytest.raises(CryptoError):
        seal_core(core(content=b"x" * (FLASH.content_room + 1)))


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_in_a_box_are_refused_with_a_reason(inner: bytes) -> None:
    whom = recipient(1)
    header = Header(FLASH, 1, EPOCH, MAILBOX, EnvelopeId(b"e" * 16))
    padded = pad(inner, FLASH.sealed_bytes - 48)
    sealed = seal(Suite.SEALED_BOX, whom.public_key, padded, header=header.pack())
    assert refusal_of(header.pack() + sealed) in {UNDECRYPTABLE, PENDING}


def test_control_without_the_authors_check_anyone_speaks_for_anyone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.sealing:verify_author", lambda *_: None)
    assert open_as_me(seal_core(core(), identity=OTHER)).core == core()


def test_control_without_the_times_check_an_old_message_is_new_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.sealing:check_times", lambda *_: None)
    assert open_as_me(seal_core(core()), START + 9 * DAY).core == core()
