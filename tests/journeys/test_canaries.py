"""Canaries: unique strings in every field of content, and a search in all that the relay has."""

from __future__ import annotations

import base64
import http.client
import secrets
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.journeys.conftest import code_of, fetch

from quietway.content import CaseRef, VspContact

if TYPE_CHECKING:
    from tests.journeys.conftest import Trio
    from tests.relay_process import RelayProcess

    from quietway import Client

MESSAGES: Final = 1_000
REFERRALS: Final = 50
STATUSES: Final = 50
MARK: Final = "canaryinsidethecontent"
LETTERS: Final = "bcdfghjkmpqrstvwxz"
MEDIA_TYPE: Final = "application/vnd.quietway.envelopes"


class Canaries:
    """Makes strings that occur nowhere else, and searches for every one of them at once."""

    def __init__(self) -> None:
        self._ids: list[bytes] = []
        self._drawn = 0

    def word(self, field: str) -> str:
        # Of letters alone: among a thousand numbers one looks like a telephone's to the guard.
        return f"{MARK}-{field}-{''.join(secrets.choice(LETTERS) for _ in range(12))}"

    def case_ref(self) -> CaseRef:
        return CaseRef(self.raw(secrets.token_bytes(16)))

    def raw(self, held: bytes) -> bytes:
        # Each id is a search of its own over all the files, so every tenth stands for the others.
        self._ids += [held] * (self._drawn % 10 == 0)
        self._drawn += 1
        return held

    def find_in(self, raw: bytes) -> list[bytes]:
        """Find the mark as text of several kinds and in base64, and the ids as bytes."""
        marks = [MARK.encode(), MARK.upper().encode(), MARK.encode("utf-16-le"), *encode_mark()]
        return [mark for mark in (*marks, *self._ids) if mark in raw]


def encode_mark() -> list[bytes]:
    """Give the mark in base64, at each of the three offsets, without the ends that vary."""
    return [base64.b64encode(b"\0" * offset + MARK.encode() + b"\0\0")[4:-4] for offset in range(3)]


def say_everything(client: Client, to: str, canaries: Canaries) -> None:
    """Write 1,000 messages of every kind with a canary in each field that holds words or ids."""
    conversation = client.messages.send(canaries.word("first"), to=to).conversation
    for _ in range(REFERRALS):
        sent = client.referrals.send(
            to,
            staff=canaries.word("staff"),
            contact=canaries.word("contact"),
            eligibility_note=canaries.word("eligibility"),
            service_type="psychosocial",
            purpose_code="counselling",
            purpose_text=canaries.word("purpose"),
            info_basis="client_interview",
            referred_by="self",
            survivor_choice="chosen",
            identity_mode="vsp_contact",
            vsp_contact=VspContact(
                staff=canaries.word("vsp-staff"), contact=canaries.word("vsp-contact")
            ),
            case_ref=canaries.case_ref(),
        )
        assert sent.referral_ref is not None
        canaries.raw(sent.referral_ref.value)
    for _ in range(STATUSES):
        client.status.set("safety_plan_active", to=to, case_ref=canaries.case_ref())
    for _ in range(MESSAGES - REFERRALS - STATUSES - 1):
        client.messages.send(canaries.word("text"), to=to, conversation=conversation)


def read_all(relay: RelayProcess) -> bytes:
    """Read every file of the relay and everything it printed."""
    files = [path.read_bytes() for path in relay.folder.rglob("*") if path.is_file()]
    return b"\n".join([*files, relay.output.encode()])


def provoke_errors(relay: RelayProcess, canaries: Canaries) -> bytes:
    """Send canaries where they do not belong, and return all answers, heads included."""
    word = canaries.word("error")
    asked = [
        ("POST", "/v1/envelopes", {"Content-Type": MEDIA_TYPE}, word.encode()),
        (
            "POST",
            "/v1/envelopes",
            {"Content-Type": MEDIA_TYPE, "Quietway-Lane": word},
            b"\x01" * 9_000,
        ),
        ("POST", "/v1/mailbox/hello", {}, f'{{"frame":"{word}"}}'.encode()),
        ("POST", "/v1/mailbox/ack", {"Signature": word}, f'{{"{word}":1}}'.encode()),
        ("PUT", f"/v1/agencies/{word}/manifest", {}, f'{{"payload":"{word}"}}'.encode()),
        ("PUT", f"/v1/lanes/{word}", {"Quietway-Enrolment": word}, b"\xff"),
        ("GET", f"/v1/directory?after={word}", {"User-Agent": word, "Cookie": word}, b""),
        ("GET", f"/{word}", {"Referer": word}, b""),
        ("DELETE", "/v1/envelopes", {"X-Any": word}, b""),
    ]
    return b"\n".join(ask(relay, *request) for request in asked)


def ask(relay: RelayProcess, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=10)
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        assert 400 <= answer.status < 500
        return f"{answer.getheaders()}".encode() + answer.read()
    finally:
        connection.close()


@pytest.mark.requirement("A03", "D01")
def test_after_a_thousand_messages_no_canary_is_in_the_relays_files_output_or_answers(
    trio_alone: Trio,
) -> None:
    """A03, D01: content is sealed on the device; the relay holds ciphertext and routing only."""
    canaries = Canaries()
    trio_alone.relay.kill()
    say_everything(trio_alone.shelter, code_of(trio_alone.hospital), canaries)
    trio_alone.relay.restart()
    for _ in range(3):
        assert trio_alone.shelter.sync().problems == ()

    assert canaries.find_in(read_all(trio_alone.relay)) == []
    answers = provoke_errors(trio_alone.relay, canaries)
    assert canaries.find_in(answers) == []

    received = fetch(trio_alone.hospital)
    assert len(received) == MESSAGES
    opened = "\n".join(held.content.model_dump_json() for held in received)
    assert opened.count(MARK) >= MESSAGES - STATUSES
    assert canaries.find_in(read_all(trio_alone.relay)) == []
    trio_alone.relay.stop()
    assert canaries.find_in(read_all(trio_alone.relay)) == []


def test_the_search_finds_a_canary_once_sealing_is_off(
    trio_alone: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    canaries = Canaries()

    def leave_open(suite: object, public_key: bytes, inner: bytes, *, header: bytes) -> bytes:
        del suite, public_key
        size = 2_560 if header[1] == 1 else 8_000
        return inner.ljust(size, b"\0")

    without(monkeypatch, "quietway.sealing:seal", leave_open)
    trio_alone.shelter.messages.send(canaries.word("text"), to=code_of(trio_alone.hospital))

    assert canaries.find_in(read_all(trio_alone.relay)) != []
