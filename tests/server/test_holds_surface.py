"""The addresses of holds on a real relay: what goes in, what comes out, and where alerts arrive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.relay_process import wait_until
from tests.server.agency import CLIENT, PARTNER, problem_code
from tests.server.ladders import Sealer

from quietway_crypto.encoding import encode_base64
from quietway_crypto.signing import SigningKey
from quietway_schemas.frames import EnvelopeFrame, MailboxPage
from quietway_schemas.ids import DeviceId, MailboxId
from quietway_server.api.bodies import CLAIM, LADDER
from quietway_server.core.quota import HOLDS_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from tests.server.agency import Agency
    from tests.server.ladders import Sealed
    from websockets.sync.client import ClientConnection


@dataclass(frozen=True)
class Pair:
    """An agency with its own device on call, and a second one as backup."""

    agency: Agency
    backup: DeviceId
    key: SigningKey
    mailbox: MailboxId

    @property
    def primary(self) -> bytes:
        return self.agency.mailbox.value

    def read_backup(self) -> list[bytes]:
        """Poll the backup's mailbox; give the envelope ids."""
        path = "/v1/mailbox?after=0"
        signed = self.agency.signature("GET", path, key=self.key, key_id=str(self.backup))
        page = MailboxPage.unpack(CLIENT.get(self.agency.url + path, headers=signed).content)
        return [entry.header.envelope_id.value for entry in page.entries]


@pytest.fixture
def pair(new_agency: Callable[[], Agency]) -> Pair:
    agency = new_agency()
    key = SigningKey(agency.draw(32))
    made = Pair(agency, DeviceId(agency.draw(16)), key, MailboxId(agency.draw(16)))
    second = agency.certificate(
        device_id=made.backup,
        identity_key=key.public,
        listen_key=SigningKey(agency.draw(32)).public,
        mailbox=made.mailbox,
    )
    assert agency.publish_manifest(devices=(agency.certificate(), second)).status_code == 204
    return made


def _place(
    pair: Pair, sealed: Sealed, *, body: bytes | None = None, media_type: str = LADDER, **more: str
) -> httpx.Response:
    lane = encode_base64(pair.agency.capability_for(PARTNER, kind="crisis"))
    headers = {"Content-Type": media_type, "Quietway-Lane": lane} | more
    address = f"{pair.agency.url}/v1/holds/{encode_base64(sealed.hold)}"
    return CLIENT.put(address, content=sealed.body if body is None else body, headers=headers)


def _claim(pair: Pair, hold: bytes, body: bytes, *, media_type: str = CLAIM) -> httpx.Response:
    address = f"{pair.agency.url}/v1/holds/{encode_base64(hold)}/claim"
    return CLIENT.post(address, content=body, headers={"Content-Type": media_type})


def _next_name(socket: ClientConnection) -> bytes:
    frame = socket.recv(timeout=10)
    assert isinstance(frame, bytes)
    return EnvelopeFrame.unpack(frame).header.envelope_id.value


@pytest.mark.requirement("C44")
def test_an_alert_arrives_on_an_open_socket_and_by_poll_when_its_time_has_come(pair: Pair) -> None:
    """C44: the relay's timer releases the next step, on ids that say nothing."""
    sealer = Sealer(1, epoch=pair.agency.record().header.epoch)
    sealed = sealer.ladder({0: (pair.primary,), 1: (pair.primary, pair.mailbox.value)})
    with pair.agency.open_socket() as socket:
        pair.agency.greet(socket)
        answer = _place(pair, sealed)
        assert (answer.status_code, answer.json()) == (201, {"accepted": 3})
        assert _next_name(socket) == sealed.names[0][0]
        assert pair.read_backup() == []
        assert _next_name(socket) == sealed.names[1][0]
    wait_until(lambda: pair.read_backup() == [sealed.names[1][1]])


def test_a_claim_is_answered_and_brings_what_is_held(pair: Pair) -> None:
    sealer = Sealer(2)
    sealed = sealer.ladder({0: (pair.primary,), 3600: (pair.mailbox.value,)})
    assert _place(pair, sealed).status_code == 201
    claims = [sealer.claim(sealed.secrets[n], pair.mailbox.value) for n in (0, 1)]
    answers = [_claim(pair, sealed.hold, claim.pack()) for claim in (*claims, claims[0])]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert [answer.json() for answer in answers] == [{"first": f} for f in (True, False, True)]
    words = [claim.records[0].header.envelope_id.value for claim in claims]
    assert pair.read_backup() == [words[0], sealed.names[1][0], words[1]]


def test_unknown_and_forbidden_are_the_same_answer_to_the_byte(pair: Pair) -> None:
    sealer = Sealer(3)
    sealed = sealer.ladder({0: (pair.primary,), 3600: (pair.mailbox.value,)})
    assert _place(pair, sealed).status_code == 201
    claim = sealer.claim(sealer.draw(32), pair.primary).pack()
    answers = [_claim(pair, hold, claim) for hold in (sealed.hold, sealer.draw(16))]
    assert {problem_code(answer) for answer in answers} == {"not_found"}
    assert len({answer.content for answer in answers}) == 1
    stranger = encode_base64(bytes(32))
    placed = _place(pair, sealed, body=sealer.ladder({0: (pair.primary,)}).body)
    assert problem_code(placed) == "conflict"
    other = sealer.ladder({0: (pair.primary,)})
    refused = [
        _place(pair, which, body=other.body, **{"Quietway-Lane": stranger})
        for which in (sealed, other)
    ]
    assert {(problem_code(each), each.content) for each in refused} == {
        ("not_found", refused[0].content)
    }


@pytest.mark.parametrize("hold", ["", "x", encode_base64(bytes(15)), "é" * 22, "=" * 22])
def test_what_is_no_id_is_not_found(pair: Pair, hold: str) -> None:
    lane = encode_base64(pair.agency.capability_for(PARTNER, kind="crisis"))
    body = Sealer(4).ladder({0: (pair.primary,)}).body
    for method, path, headers in (
        ("PUT", f"/v1/holds/{hold}", {"Content-Type": LADDER, "Quietway-Lane": lane}),
        ("POST", f"/v1/holds/{hold}/claim", {"Content-Type": CLAIM}),
    ):
        answer = CLIENT.request(method, pair.agency.url + path, content=body, headers=headers)
        assert problem_code(answer) == "not_found"


def test_what_has_another_form_is_refused_with_its_place(pair: Pair) -> None:
    sealer = Sealer(5)
    sealed = sealer.ladder({0: (pair.primary,), 60: (pair.mailbox.value,)})
    claim = sealer.claim(sealed.secrets[0], pair.primary).pack()
    for body in (b"", sealed.body[:-1], sealed.body + b"x", b"\x02" + sealed.body[1:]):
        assert problem_code(_place(pair, sealed, body=body)) == "malformed_record"
    for body in (b"", claim[:-1], claim[:33], sealed.body):
        assert problem_code(_claim(pair, sealed.hold, body)) == "malformed_record"
    broken = bytearray(sealed.body)
    broken[2 + 3 + 2661 + 3 + 32] = 9  # the version of the second place's header
    answer = _place(pair, sealed, body=bytes(broken))
    assert (problem_code(answer), answer.json()["index"]) == ("malformed_record", 1)


def test_another_type_too_much_and_no_lane_are_refused(pair: Pair) -> None:
    sealed = Sealer(6).ladder({0: (pair.primary,)})
    assert problem_code(_place(pair, sealed, media_type=CLAIM)) == "wrong_media_type"
    assert problem_code(_claim(pair, sealed.hold, b"x", media_type=LADDER)) == "wrong_media_type"
    assert problem_code(_place(pair, sealed, body=bytes(HOLDS_BODY_BYTES + 1))) == "too_large"
    assert problem_code(_claim(pair, sealed.hold, bytes(HOLDS_BODY_BYTES + 1))) == "too_large"
    answer = _place(pair, sealed, **{"Quietway-Lane": "x"})
    assert (problem_code(answer), answer.json()["field"]) == ("invalid_field", "quietway-lane")


def test_a_ladder_of_four_tiers_is_taken(pair: Pair) -> None:
    sealer = Sealer(7)
    boxes = [pair.primary, pair.mailbox.value]
    sealed = sealer.ladder(dict.fromkeys((3600, 3601, 3602, 14400), boxes))
    answer = _place(pair, sealed)
    assert (answer.status_code, answer.json()) == (201, {"accepted": 8})


@pytest.mark.requirement("C48")
def test_a_removed_device_is_passed_over_by_the_directory_itself(pair: Pair) -> None:
    """C48: the lead's device is retired, so the backup is alerted at once."""
    sealer = Sealer(8)
    sealed = sealer.ladder({1800: (pair.mailbox.value,), 3600: (pair.primary,)})
    with pair.agency.open_socket() as socket:
        pair.agency.greet(socket)
        assert _place(pair, sealed).status_code == 201
        assert pair.agency.publish_manifest().status_code == 204
        assert _next_name(socket) == sealed.names[1][0]
    claim = sealer.claim(sealed.secrets[0], pair.primary)
    assert problem_code(_claim(pair, sealed.hold, claim.pack())) == "not_found"
    claim = sealer.claim(sealed.secrets[1], pair.primary)
    assert _claim(pair, sealed.hold, claim.pack()).json() == {"first": True}
