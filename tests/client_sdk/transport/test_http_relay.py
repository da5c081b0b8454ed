"""The way to a real relay through whatever may stand between: proxies, firewalls, liars, TLS."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import ssl
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.client_sdk.devices import Device, envelope_of, make_device, make_record
from tests.client_sdk.transport.middle import Middle, SocksProxy, canned, find_free_port
from tests.controls import without
from tests.relay_process import RelayProcess

from quietway.ambient import SystemClock, SystemEntropy
from quietway.errors import ClockError, InsecureRelay, OverQuota, RelayRefused, RelayUnreachable
from quietway.testing.clock import FakeClock
from quietway.transport.http import HttpRelay
from quietway.transport.polling import PolledMailbox
from quietway.transport.stream import StreamedMailbox
from quietway.transport.wire import Wire, make_tls_context
from quietway_schemas.frames import PAGE_BYTES, EnvelopeFrame, MailboxPage
from quietway_schemas.instants import HOUR
from quietway_schemas.problems import ProblemBody

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from quietway.ports import Clock, Mailbox
    from quietway_schemas.envelope import SubmissionRecord

WITNESS = b"w" * 16


class ImpatientClock(SystemClock):
    """The machine's clock, whose waits are over soon."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.02))


@dataclass
class Harbor:
    """A real relay with one agency enrolled."""

    process: RelayProcess
    device: Device
    public_port: int = 0

    @asynccontextmanager
    async def at(self, url: str, clock: Clock | None = None) -> AsyncIterator[HttpRelay]:
        """Connect at an address."""
        relay = HttpRelay(
            url,
            key_id=str(self.device.keyring.device),
            identity=self.device.keyring.identity,
            clock=clock or ImpatientClock(),
            entropy=SystemEntropy(),
        )
        try:
            yield relay
        finally:
            await relay.aclose()

    async def send(self, relay: HttpRelay) -> SubmissionRecord:
        now = SystemClock().now()
        record = make_record(self.device.keyring.mailbox, SystemEntropy(), now=now)
        await relay.submit(self.device.capability(now), [record.pack()])
        return record

    def tap(self, *, refuse_upgrades: bool = False) -> Middle:
        return Middle(
            target=self.process.port, refuse_upgrades=refuse_upgrades, port=self.public_port
        )


@contextmanager
def start_relay(folder: Path, scheme: str) -> Iterator[tuple[RelayProcess, int]]:
    """Start a relay that is reached through something on another port."""
    port = find_free_port()
    with RelayProcess(folder, options={"public_url": f"{scheme}://localhost:{port}"}) as running:
        yield running, port


_CODES = (f"AGENCY{number}" for number in range(1_000))


async def enrol_at(process: RelayProcess, port: int) -> Harbor:
    made = Harbor(process, make_device(SystemEntropy(), next(_CODES)), port)
    async with made.at(process.url) as relay:
        await made.device.publish(relay, process.enroll(), SystemClock().now())
    return made


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RelayProcess, int]]:
    with start_relay(tmp_path_factory.mktemp("relay"), "http") as started:
        yield started


@pytest.fixture(scope="module")
def behind_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RelayProcess, int]]:
    with start_relay(tmp_path_factory.mktemp("relay"), "https") as started:
        yield started


@pytest.fixture
async def harbor(plain: tuple[RelayProcess, int]) -> Harbor:
    return await enrol_at(*plain)


@pytest.fixture
async def safe_harbor(behind_tls: tuple[RelayProcess, int]) -> Harbor:
    return await enrol_at(*behind_tls)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def open_live(relay: HttpRelay, after: int = 0) -> Mailbox:
    return await relay.open_mailbox(after=after, witness_now=WITNESS, witness_was=None, live=True)


def local(middle: Middle) -> str:
    return f"http://localhost:{middle.port}"


async def test_a_live_mailbox_is_a_websocket_where_one_passes(harbor: Harbor) -> None:
    async with harbor.tap().running() as tap, harbor.at(local(tap)) as relay:
        mailbox = await open_live(relay)
        assert isinstance(mailbox, StreamedMailbox)
        record = await harbor.send(relay)
        async with asyncio.timeout(20):
            arrival = await anext(mailbox.arrivals())
        assert arrival.envelope == envelope_of(record)
        await mailbox.acknowledge([arrival.seq])
        await mailbox.aclose()
        assert [request.is_upgrade for request in tap.requests].count(True) == 1


async def test_a_live_mailbox_polls_where_no_websocket_passes(harbor: Harbor) -> None:
    middle = harbor.tap(refuse_upgrades=True)
    async with middle.running() as tap, harbor.at(local(tap)) as relay:
        mailbox = await open_live(relay)
        assert isinstance(mailbox, PolledMailbox)
        arrivals = mailbox.arrivals()
        waiting = asyncio.ensure_future(anext(arrivals))
        await asyncio.sleep(0.1)
        record = await harbor.send(relay)
        async with asyncio.timeout(20):
            arrival = await waiting
        assert arrival.envelope == envelope_of(record)
        await mailbox.acknowledge([arrival.seq])
        await mailbox.aclose()


async def test_without_the_fallback_nothing_is_read_where_no_websocket_passes(
    harbor: Harbor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def give_up(*_: object, **__: object) -> PolledMailbox:
        raise RelayUnreachable

    without(monkeypatch, "quietway.transport.polling:PolledMailbox.open", give_up)
    middle = harbor.tap(refuse_upgrades=True)
    async with middle.running() as tap, harbor.at(local(tap)) as relay:
        with pytest.raises(RelayUnreachable):
            await open_live(relay)


async def test_everything_goes_through_the_proxy_of_the_environment(
    harbor: Harbor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with harbor.tap().running() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with harbor.at(harbor.process.url) as relay:
            record = await harbor.send(relay)
            mailbox = await open_live(relay)
            assert isinstance(mailbox, StreamedMailbox)
            async with asyncio.timeout(20):
                assert (await anext(mailbox.arrivals())).envelope == envelope_of(record)
            await mailbox.aclose()
            await relay.directory(0)
    lines = [request.line for request in proxy.requests]
    assert f"POST {harbor.process.url}/v1/envelopes HTTP/1.1" in lines
    assert f"CONNECT 127.0.0.1:{harbor.process.port} HTTP/1.1" in lines
    assert f"GET {harbor.process.url}/v1/directory?after=0&size=0 HTTP/1.1" in lines


async def test_everything_goes_through_a_socks_proxy_which_resolves_the_name(
    harbor: Harbor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SocksProxy(harbor.process.port).running() as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{proxy.port}")
        async with harbor.at(f"http://localhost:{harbor.public_port}") as relay:
            record = await harbor.send(relay)
            mailbox = await open_live(relay)
            assert isinstance(mailbox, StreamedMailbox)
            async with asyncio.timeout(20):
                assert (await anext(mailbox.arrivals())).envelope == envelope_of(record)
            await mailbox.aclose()
    assert proxy.names == ["localhost", "localhost"]


async def use_everything(harbor: Harbor, relay: HttpRelay) -> None:
    for _ in range(3):
        await harbor.send(relay)
        await relay.directory(0)
        look = await relay.open_mailbox(after=0, witness_now=WITNESS, witness_was=None, live=False)
        assert [arrival async for arrival in look.arrivals()]
        await look.acknowledge([1])
    mailbox = await open_live(relay)
    await harbor.send(relay)
    await mailbox.aclose()


def shares(tap: Middle) -> list[set[str]]:
    """For each connection: does it show a lane, an identity, or both?"""
    wanted = {"quietway-lane", "signature"}
    return [
        {name for request in requests for name in request.headers if name in wanted}
        for requests in tap.connections
    ]


async def test_sending_and_reading_never_share_a_connection(harbor: Harbor) -> None:
    async with harbor.tap().running() as tap, harbor.at(local(tap)) as relay:
        await use_everything(harbor, relay)
    assert {"quietway-lane"} in shares(tap)
    assert {"signature"} in shares(tap)
    assert {"quietway-lane", "signature"} not in shares(tap)


async def test_two_submissions_never_share_a_connection(harbor: Harbor) -> None:
    async with harbor.tap().running() as tap, harbor.at(local(tap)) as relay:
        for _ in range(3):
            await harbor.send(relay)
    assert [len(requests) for requests in tap.connections] == [1, 1, 1]


async def test_without_two_wires_one_connection_shows_lane_and_identity(
    harbor: Harbor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def share(url: str, proxy: str | None) -> tuple[Wire, Wire]:
        wire = Wire(url, proxy=proxy, keep=True)
        return wire, wire

    without(monkeypatch, "quietway.transport.http:_open_wires", share)
    async with harbor.tap().running() as tap, harbor.at(local(tap)) as relay:
        await use_everything(harbor, relay)
    assert {"quietway-lane", "signature"} in shares(tap)


async def test_a_request_tells_nothing_about_the_program_that_sends_it(harbor: Harbor) -> None:
    async with harbor.tap().running() as tap, harbor.at(local(tap)) as relay:
        await harbor.send(relay)
        await relay.directory(0)
    submission, reading = tap.requests
    common = {"host", "user-agent", "accept-encoding"}
    assert set(submission.headers) == common | {"content-length", "content-type", "quietway-lane"}
    assert set(reading.headers) == common | {"signature", "signature-input"}
    assert reading.headers["user-agent"] == "quietway"


async def test_nothing_of_a_request_is_logged(
    harbor: Harbor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with harbor.at(harbor.process.url) as relay:
        await use_everything(harbor, relay)
    written = caplog.text
    for secret in (str(harbor.device.keyring.device), "quietway-lane:", "/v1/", "Signature"):
        assert secret not in written


async def test_a_cookie_is_not_carried_back() -> None:
    answer = canned("200 OK", b"{}", "Set-Cookie: who=you", "Content-Type: application/json")
    async with Middle(canned=answer).running() as liar, stranger_at(local(liar)) as relay:
        for _ in range(2):
            with pytest.raises(RelayUnreachable):
                await relay.read_clock()
    assert len(liar.requests) == 2
    assert all("cookie" not in request.headers for request in liar.requests)


@asynccontextmanager
async def stranger_at(url: str) -> AsyncIterator[HttpRelay]:
    device = make_device(SystemEntropy())
    async with Harbor(RelayProcess.__new__(RelayProcess), device).at(url) as relay:
        yield relay


JSON = "Content-Type: application/json"
PROBLEM = "Content-Type: application/problem+json"
NO_RELAYS = {
    "a captive portal": canned("200 OK", b"<html>log in</html>", "Content-Type: text/html"),
    "a proxy's page": canned("502 Bad Gateway", b"oops", "Content-Type: text/plain"),
    "a redirect": canned("302 Found", b"", "Location: http://127.0.0.1:1/elsewhere"),
    "another JSON": canned("200 OK", b'{"hello":"you"}', JSON),
    "no JSON": canned("200 OK", b"{", JSON),
    "a broken problem": canned("400 Bad Request", b"{", PROBLEM),
    "too much": canned("200 OK", b" " * 25_000_000, JSON),
    "no HTTP": b"SSH-2.0-hello\r\n\r\n",
    "a batch not taken whole": canned("201 Created", b'{"accepted":7}', JSON),
}


@pytest.mark.parametrize("answer", NO_RELAYS.values(), ids=NO_RELAYS.keys())
async def test_what_is_no_relays_answer_is_no_relay(answer: bytes) -> None:
    async with Middle(canned=answer).running() as liar, stranger_at(local(liar)) as relay:
        for attempt in (relay.submit(bytes(32), [b"x"]), relay.directory(0), open_live(relay)):
            with pytest.raises(RelayUnreachable):
                await attempt
        assert all("elsewhere" not in request.line for request in liar.requests)


CROWDED = canned(
    "503 Service Unavailable",
    ProblemBody.of("overloaded").to_canonical(),
    "Content-Type: application/problem+json",
    "Retry-After: 7",
)


async def ask_where_many_wait() -> tuple[RelayRefused, int]:
    """Open a mailbox where the upgrade is refused; give the error, and how much was asked."""
    async with Middle(canned=CROWDED).running() as crowded, stranger_at(local(crowded)) as relay:
        with pytest.raises(RelayRefused) as refused:
            await open_live(relay)
    return refused.value, len(crowded.requests)


async def test_who_is_refused_a_socket_is_told_when_to_come_back_and_asks_nothing_more() -> None:
    refused, asked = await ask_where_many_wait()
    assert (refused.code, refused.retry_after, asked) == ("overloaded", 7, 1)


async def test_control_without_reading_the_refusal_the_relay_is_asked_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.transport.stream:raise_problem", lambda *_, **__: None)
    assert (await ask_where_many_wait())[1] == 2


async def test_a_problem_is_told_in_our_words_and_never_in_the_relays() -> None:
    body = (
        b'{"type":"urn:quietway:problem:over_quota","title":"\\u001b[31mCall 555-0100",'
        b'"status":429,"detail":"and tell them your passphrase","index":3}'
    )
    answer = canned("429 Too Many Requests", body, PROBLEM, "Retry-After: 7")
    async with Middle(canned=answer).running() as liar, stranger_at(local(liar)) as relay:
        with pytest.raises(RelayRefused) as refused:
            await relay.submit(bytes(32), [b"x"])
    assert (refused.value.code, refused.value.index, refused.value.retry_after) == (
        "over_quota",
        3,
        7,
    )
    assert isinstance(refused.value, OverQuota)
    assert "goes out later by itself" in str(refused.value)
    assert "555" not in str(refused.value)
    assert "passphrase" not in str(refused.value)


async def test_a_problem_that_is_not_known_here_keeps_its_code() -> None:
    body = b'{"type":"urn:quietway:problem:brand_new","title":"x","status":418,"detail":"y"}'
    answer = canned("418 Teapot", body, PROBLEM)
    async with Middle(canned=answer).running() as liar, stranger_at(local(liar)) as relay:
        with pytest.raises(RelayRefused) as refused:
            await relay.directory(0)
    assert refused.value.code == "brand_new"


async def test_a_relay_that_serves_the_same_page_for_ever_is_left() -> None:
    device = make_device(SystemEntropy())
    record = make_record(device.keyring.mailbox, SystemEntropy(), now=SystemClock().now())
    page = MailboxPage(1, 1, (EnvelopeFrame(1, record.header, record.sealed),)).pack()
    assert len(page) == PAGE_BYTES
    welcome = b'{"acknowledged":0,"frame":"welcome","latest":1,"now":1,"witness":"kept"}'
    middle = Middle(canned=canned("200 OK", welcome, JSON))
    async with middle.running() as liar, stranger_at(local(liar)) as relay:
        mailbox = await relay.open_mailbox(
            after=0, witness_now=WITNESS, witness_was=None, live=False
        )
        liar.canned = canned("200 OK", page, "Content-Type: application/vnd.quietway.page")
        arrivals = mailbox.arrivals()
        assert (await anext(arrivals)).seq == 1
        with pytest.raises(RelayUnreachable):
            await anext(arrivals)


@pytest.mark.parametrize("hours", [3, -3])
async def test_a_clock_three_hours_off_is_told_with_its_error(harbor: Harbor, hours: int) -> None:
    clock = FakeClock(SystemClock().now() + hours * HOUR)
    async with harbor.at(harbor.process.url, clock) as relay:
        for attempt in (relay.directory(0), open_live(relay)):
            with pytest.raises(ClockError) as wrong:
                await attempt
            assert abs(wrong.value.skew_ms - hours * HOUR) < 30_000
        assert abs(await relay.read_clock() - SystemClock().now()) < 30_000


async def test_a_relay_that_is_not_there_is_unreachable() -> None:
    async with Middle().running() as gone:
        pass
    async with stranger_at(local(gone)) as relay:
        attempts = (relay.submit(bytes(32), [b"x"]), relay.directory(0), open_live(relay))
        for attempt in (*attempts, relay.read_clock()):
            with pytest.raises(RelayUnreachable):
                await attempt


async def test_a_mailbox_breaks_with_its_relay_and_goes_on_with_it(tmp_path: Path) -> None:
    with RelayProcess(tmp_path) as process:
        harbor = Harbor(process, make_device(SystemEntropy()))
        async with harbor.at(process.url) as relay:
            await harbor.device.publish(relay, process.enroll(), SystemClock().now())
            mailbox = await open_live(relay)
            arrivals = mailbox.arrivals()
            record = await harbor.send(relay)
            assert (await anext(arrivals)).envelope == envelope_of(record)
            process.kill()
            with pytest.raises(RelayUnreachable):
                await anext(arrivals)
            await mailbox.aclose()
            process.restart()
            again = await open_live(relay)
            assert (await anext(again.arrivals())).envelope == envelope_of(record)
            await again.aclose()


async def test_an_insecure_address_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(InsecureRelay):
        async with stranger_at("http://relay.example"):
            pass


def make_certificate(folder: Path) -> Path:
    """Write a certificate for localhost that nobody has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "localhost.pem"
    path.write_bytes(pem + private)
    return path


@pytest.fixture
def certificate(tmp_path: Path) -> Iterator[Path]:
    make_tls_context.cache_clear()
    yield make_certificate(tmp_path)
    make_tls_context.cache_clear()


def make_server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_certificate_that_nobody_signed_is_refused(
    safe_harbor: Harbor, certificate: Path
) -> None:
    tls = make_server_context(certificate)
    async with (
        safe_harbor.tap().running(tls) as tap,
        safe_harbor.at(f"https://localhost:{tap.port}") as relay,
    ):
        for attempt in (relay.directory(0), open_live(relay)):
            with pytest.raises(RelayUnreachable):
                await attempt
    assert tap.requests == []


async def test_a_certificate_of_an_authority_that_was_named_is_accepted(
    safe_harbor: Harbor, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls = make_server_context(certificate)
    async with (
        safe_harbor.tap().running(tls) as tap,
        safe_harbor.at(f"https://localhost:{tap.port}") as relay,
    ):
        record = await safe_harbor.send(relay)
        mailbox = await open_live(relay)
        assert isinstance(mailbox, StreamedMailbox)
        assert (await anext(mailbox.arrivals())).envelope == envelope_of(record)
        await mailbox.aclose()
