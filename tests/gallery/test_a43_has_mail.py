"""Row 43: a size tells that mail waits, an id that two legs carry one message (SimpleX, 2024).

The attacker captures what passes on the sender's leg and on the reader's. Without TLS (where it is
broken, or at the proxy that ends it) our legs share an envelope's header and sealed bytes, since
both are bound: docs/decisions/one-header-on-both-legs.md says why, and at what cost. What is held
here: with TLS no 16 bytes are common; without it nothing is but those; and an answer to a poll has
one size, and a request for one too, whatever waits.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.controls import without
from tests.server.agency import ENVELOPES, PARTNER
from tests.server.in_process import InProcessRelay

from quietway_crypto.encoding import encode_base64
from quietway_schemas.frames import MailboxPage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.agency import Agency

RUN: Final = 16
APPLICATION_DATA: Final = 23


@dataclass
class Leg:
    """A tap on the wire between a client and the relay, which may end TLS behind it.

    Args:
        port: Where the relay is.
        tls: The server's side of TLS, or None for plain HTTP.
    """

    port: int
    tls: ssl.SSLContext | None = None
    up: bytearray = field(default_factory=bytearray)
    down: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.own_port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        """Carry one connection: what is seen is what is on the wire to the client."""
        with (
            contextlib.suppress(OSError, ssl.SSLError),
            near,
            socket.create_connection(("127.0.0.1", self.port)) as far,
        ):
            line = _Line(near, self)
            threading.Thread(target=line.answer, args=(far,), daemon=True).start()
            while (clear := line.read()) is not None:
                far.sendall(clear)


class _Line:
    """The client's side of one connection."""

    def __init__(self, near: socket.socket, leg: Leg) -> None:
        self._near, self._leg = near, leg
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._one = threading.Lock()
        self._tls = None
        if leg.tls is not None:
            self._tls = leg.tls.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def read(self) -> bytes | None:
        """Take what comes next, opened; None at the end."""
        part = self._near.recv(65_536)
        self._leg.up += part
        if not part:
            return None
        if self._tls is None:
            return part
        with self._one:
            self._incoming.write(part)
            clear = bytearray()
            with contextlib.suppress(ssl.SSLWantReadError):
                while more := self._tls.read(65_536):
                    clear += more
            self._flush()
        return bytes(clear)

    def answer(self, far: socket.socket) -> None:
        """Carry what the relay says, sealed."""
        with contextlib.suppress(OSError, ssl.SSLError):
            while part := far.recv(65_536):
                with self._one:
                    if self._tls is None:
                        self._send(part)
                    else:
                        self._tls.write(part)
                        self._flush()

    def _flush(self) -> None:
        if raw := self._outgoing.read():
            self._send(raw)

    def _send(self, raw: bytes) -> None:
        self._leg.down += raw
        self._near.sendall(raw)


def _sealed(stream: bytes) -> bytes:
    """Give what TLS sealed: its handshake begins with the same bytes for everybody."""
    found, at = bytearray(), 0
    while at + 5 <= len(stream):
        length = int.from_bytes(stream[at + 3 : at + 5], "big")
        if stream[at] == APPLICATION_DATA:
            found += stream[at + 5 : at + 5 + length]
        at += 5 + length
    return bytes(found)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a key and a certificate for this machine's loopback."""
    path = tmp_path_factory.mktemp("tls") / "pair.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def here() -> Iterator[InProcessRelay]:
    with InProcessRelay().running() as relay:
        yield relay


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def _carry_one(relay: InProcessRelay, certificate: Path | None) -> tuple[bytes, bytes, bytes]:
    """Send an envelope on one leg and fetch it on another; give both legs, and what it is."""
    agency = relay.new_agency()
    record = agency.record()
    tls = None if certificate is None else _context(certificate)
    sending, reading = Leg(relay.port, tls), Leg(relay.port, tls)
    scheme = "http" if tls is None else "https"
    # The relay is asked for by its own name: only the wire is another.
    own = {"Host": f"127.0.0.1:{relay.port}"}
    try:
        with httpx.Client(trust_env=False, verify=False) as sender:  # noqa: S501, made above
            lane = encode_base64(agency.capability_for(PARTNER))
            answer = sender.post(
                f"{scheme}://127.0.0.1:{sending.own_port}/v1/envelopes",
                content=record.pack(),
                headers={"Content-Type": ENVELOPES, "Quietway-Lane": lane, **own},
            )
            assert answer.status_code == 201
        with httpx.Client(trust_env=False, verify=False) as reader:  # noqa: S501, made above
            page = reader.get(
                f"{scheme}://127.0.0.1:{reading.own_port}/v1/mailbox",
                headers={**agency.signature("GET", "/v1/mailbox"), **own},
            )
            (entry,) = MailboxPage.unpack(page.content).entries
            assert entry.sealed == record.sealed
    finally:
        sending.close()
        reading.close()
    bound = record.header.pack() + record.sealed
    if tls is None:
        return bytes(sending.up + sending.down), bytes(reading.up + reading.down), bound
    legs = [_sealed(bytes(leg.up)) + _sealed(bytes(leg.down)) for leg in (sending, reading)]
    return legs[0], legs[1], bound


def _common(one: bytes, other: bytes) -> set[bytes]:
    """Give every run of 16 bytes that both legs have, but for what every request says."""
    runs = {one[at : at + RUN] for at in range(len(one) - RUN + 1)}
    shared = {other[at : at + RUN] for at in range(len(other) - RUN + 1)} & runs
    # Names of header fields, constants of answers and zeros are the same for everybody.
    return {run for run in shared if not _is_plain(run)}


def _is_plain(run: bytes) -> bool:
    return all(32 <= byte < 127 or byte in b"\r\n" for byte in run) or not run.strip(b"\0")


def test_over_tls_the_two_legs_of_an_envelope_share_no_run_of_bytes(
    here: InProcessRelay, certificate: Path
) -> None:
    sent, read, _ = _carry_one(here, certificate)
    assert len(sent) > 2_000
    assert len(read) > 16_384
    assert _common(sent, read) == set()


def test_without_tls_the_legs_share_header_and_sealed_bytes_and_nothing_else(
    here: InProcessRelay,
) -> None:
    """The control, and the limit: what is common is what the spec binds, to the byte."""
    sent, read, bound = _carry_one(here, None)
    common = _common(sent, read)
    assert len(common) >= len(bound) - 2 * RUN
    within = {bound[at : at + RUN] for at in range(len(bound) - RUN + 1)}
    assert common <= within


def _poll(agency: Agency, *, after: int) -> tuple[int, int]:
    """Poll as the SDK does; give the bytes of the request and of the answer, as on the wire."""
    leg = Leg(int(agency.url.rpartition(":")[2]))
    target = f"/v1/mailbox?after={after:016d}"
    headers = {**agency.signature("GET", target), "Host": agency.url.removeprefix("http://")}
    try:
        with httpx.Client(trust_env=False) as client:
            answer = client.get(f"http://127.0.0.1:{leg.own_port}{target}", headers=headers)
    finally:
        leg.close()
    assert answer.status_code == 200
    return len(leg.up), len(leg.down)


@pytest.mark.requirement("A05")
def test_a_poll_and_its_answer_have_one_size_whether_mail_waits_or_not(
    here: InProcessRelay,
) -> None:
    """A05: sizes come in classes, and tell nothing of a routine: no mail, one, many, any cursor."""
    agency = here.new_agency()
    sizes = {_poll(agency, after=0)}
    for count in (1, 5, 20):
        agency.submit(agency.capability_for(PARTNER), *[agency.record() for _ in range(count)])
        sizes.add(_poll(agency, after=0))
        sizes.add(_poll(agency, after=10**9))
    assert len(sizes) == 1


def test_control_a_page_without_its_padding_tells_how_much_waits(
    here: InProcessRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = MailboxPage.pack
    without(
        monkeypatch,
        "quietway_schemas.frames:MailboxPage.pack",
        lambda page: pack(page).rstrip(b"\0"),
    )
    agency = here.new_agency()
    before = _poll(agency, after=0)
    agency.submit(agency.capability_for(PARTNER), agency.record())
    assert _poll(agency, after=0) != before
