"""Row 47: a webhook that leads into the operator's own network (server-side request forgery).

Whoever has a device here may leave an endpoint, and so choose where the relay sends a POST: at its
loopback, at the machines beside it, at the address where a cloud tells secrets. Names may resolve
to anything, to one thing now and to another a moment later; a provider may answer with a redirect.
The operator's list is the first wall. Here it is already down: every host that the attacker wants
stands on it. What is counted is connections that the process tries to open, by the interpreter's
own audit events, whatever library opens them.
"""

# ruff: noqa: S104, where connections lead to, and not where a server listens
from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.server.providers import TAKES, Came, Provider

from quietway_schemas.errors import ContentError
from quietway_schemas.wake import WakeEndpoint, read_url
from quietway_server.errors import NotTakenError
from quietway_server.notify.addresses import resolve
from quietway_server.notify.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

KEY: Final = b"k" * 16
LITERALS: Final = (
    "127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.254", "0.0.0.0", "0.1.2.3",
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255",
    "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1",
    "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255",
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[::ffff:8.8.8.8]",
    "[::127.0.0.1]", "[fe80::1]", "[fc00::1]", "[fd12:3456::1]", "[ff02::1]", "[2001:db8::1]",
    "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[3fff::1]",
)  # fmt: skip
"""Addresses that no webhook may lead to, each as a host."""
SPELLINGS: Final = ("2130706433", "017700000001", "127.1", "0177.0.0.1", "127.0.1", "0")
"""What the system's resolver also takes for addresses of IPv4."""
FORMS: Final = (
    "https://push.example@127.0.0.1/x",
    "https://push.example:443@127.0.0.1/x",
    "https://127.0.0.1#@push.example/x",
    "https://127.0.0.1\\@push.example/x",
    "https://push.example\t.127.0.0.1/x",
    "https://0x7f.0.0.1.push.example:99999/x",
    "https://[::1%25lo]/x",
    "https://[::ffff:7f00:1/x",
    "https://\u2460\u2461\u2466.0.0.1/x",
    "https://%6c%6f%63%61%6c%68%6f%73%74/x",
    "gopher://127.0.0.1/x",
    "file:///etc/passwd",
    "https://push.example/x\r\nHost: 127.0.0.1",
)
"""Addresses that two parsers read in two ways, or that are none."""

_STAYS_HERE: Final = ("127.", "0.0.0.0", "::1", "::ffff:127.", "::ffff:7f")
_TRIED: list[tuple[str, int]] = []
_LISTENING = [False]


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and _LISTENING[0]:
        address = arguments[1]
        if isinstance(address, tuple):
            _TRIED.append((str(address[0]), int(address[1])))
            if not str(address[0]).startswith(_STAYS_HERE):
                raise ConnectionRefusedError  # no test sends anything beyond this machine


@pytest.fixture
def tried() -> Iterator[list[tuple[str, int]]]:
    """Give where this process tried to connect to."""
    if _hear not in _HOOKED:
        sys.addaudithook(_hear)
        _HOOKED.append(_hear)
    _TRIED.clear()
    _LISTENING[0] = True
    yield _TRIED
    _LISTENING[0] = False


_HOOKED: Final[list[object]] = []


def allowing_all(*urls: str, seconds: float = 2.0) -> Webhook:
    """Give a sender whose operator has let all of these hosts onto the list."""
    return Webhook([read_url(url).origin for url in urls], seconds=seconds)


async def send(webhook: Webhook, url: str) -> str:
    """Send a wake-up; give the reason why it was not taken, or nothing."""
    try:
        await webhook.notify(url, key=KEY)
    except NotTakenError as refused:
        return refused.reason
    return ""


@pytest.mark.parametrize("host", [*LITERALS, *SPELLINGS])
async def test_a_host_that_is_an_inner_address_is_connected_to_by_nobody(
    host: str, tried: list[tuple[str, int]]
) -> None:
    url = f"https://{host}/x"
    reason = await send(allowing_all(url), url)
    # A system whose resolver knows such a spelling finds the address; another finds nothing.
    assert reason == "address" or (host in SPELLINGS and reason == "name")
    assert tried == []


@pytest.mark.parametrize("url", FORMS)
async def test_what_two_parsers_read_in_two_ways_is_no_target(
    url: str, tried: list[tuple[str, int]]
) -> None:
    with pytest.raises(ContentError):
        WakeEndpoint(kind="webhook", target=url)
    webhook = Webhook(["https://push.example:443", "https://127.0.0.1:443"])
    assert await send(webhook, url) == "target"
    assert tried == []


async def test_a_host_that_is_not_on_the_list_is_connected_to_by_nobody(
    tried: list[tuple[str, int]],
) -> None:
    webhook = allowing_all("https://push.example/")
    for url in (
        "https://other.example/x",
        "https://push.example:8443/x",
        "http://push.example/x",
        "https://push.example.other.example/x",
    ):
        assert await send(webhook, url) == "target"
    assert tried == []


def naming(*answers: Sequence[str]) -> Callable[[str, int], object]:
    """Give a resolver that answers each time with the next of these, and then with the last."""
    left = list(answers)

    async def answer(host: str, port: int) -> Sequence[str]:
        del host, port
        await asyncio.sleep(0)
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.1"],
        ["fe80::1%lo"],
        ["93.184.215.14", "127.0.0.1"],
        ["not an address"],
    ],
)
async def test_a_name_that_leads_to_an_inner_address_is_connected_to_by_nobody(
    found: list[str], tried: list[tuple[str, int]]
) -> None:
    webhook = Webhook(["https://push.example:443"], resolve=naming(found))  # type: ignore[arg-type]  # a resolver
    assert await send(webhook, "https://push.example/x") == "address"
    assert tried == []


async def test_a_name_that_is_public_when_looked_at_and_inner_a_moment_later_is_looked_up_once(
    tried: list[tuple[str, int]],
) -> None:
    """Rebinding: the connection goes to what was looked at, and to no name."""
    public = "93.184.215.14"
    webhook = Webhook(
        ["https://push.example:443"],
        resolve=naming([public], ["127.0.0.1"]),  # type: ignore[arg-type]  # a resolver
        seconds=0.3,
    )
    await send(webhook, "https://push.example/x")
    assert {address for address, _ in tried} <= {public}
    # The next wake-up is looked up anew.
    assert await send(webhook, "https://push.example/x") == "address"
    assert {address for address, _ in tried} <= {public}


async def test_a_redirect_is_followed_by_nobody(tried: list[tuple[str, int]]) -> None:
    with Provider() as inner:
        for status in (301, 302, 303, 307, 308):
            answer = f"HTTP/1.1 {status} Go\r\nLocation: {inner.url()}\r\nContent-Length: 0\r\n\r\n"
            with Provider(answer.encode()) as outer:
                webhook = Webhook((), [outer.origin, inner.origin])
                assert await send(webhook, outer.url()) == "status"
                assert {port for _, port in tried} == {outer.port}
                tried.clear()
        assert inner.connects == 0


async def test_a_proxy_of_the_environment_is_not_used(
    tried: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Provider() as proxy, Provider() as own:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.origin)
        assert await send(Webhook((), [own.origin]), own.url()) == ""
        assert (proxy.connects, own.connects) == (0, 1)
    assert len(tried) == 1


async def test_a_host_of_the_operators_own_network_leads_no_further(
    tried: list[tuple[str, int]],
) -> None:
    """What the operator says of one host and port is said of no other, nor of what is never own."""
    with Provider() as own, Provider() as beside:
        webhook = Webhook((), [own.origin])
        assert await send(webhook, own.url()) == ""
        assert await send(webhook, beside.url()) == "target"
        assert beside.connects == 0
    tried.clear()
    for host in ("169.254.169.254", "0.0.0.0", "[::ffff:127.0.0.1]", "224.0.0.1", "[fe80::1]"):
        url = f"http://{host}/latest/meta-data"
        assert await send(Webhook((), [read_url(url).origin]), url) == "address"
    assert tried == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "0.0.0.0", "127.1", "2130706433", "[::ffff:127.0.0.1]"]
)
async def test_control_without_looking_at_addresses_the_inner_host_is_reached(
    host: str, tried: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(
        monkeypatch, "quietway_server.notify.webhook:choose_address", lambda found, **_: found[0]
    )
    with Provider() as inner:
        url = f"http://{host}:{inner.port}/x"
        assert await send(allowing_all(url), url) == ""
        assert inner.connects == 1
    assert len(tried) == 1


@pytest.mark.parametrize(
    "host",
    [host for host in LITERALS if not host.startswith(("127.", "0.0.0.0", "[::"))],
)
async def test_control_without_looking_at_addresses_each_would_be_tried(
    host: str, tried: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(
        monkeypatch, "quietway_server.notify.webhook:choose_address", lambda found, **_: found[0]
    )
    url = f"http://{host}:9/x"
    await send(allowing_all(url, seconds=0.2), url)
    assert len(tried) == 1


async def test_control_a_client_that_asks_for_the_name_again_is_rebound(
    tried: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack works on a sender that judges one answer and connects by another."""
    with Provider() as inner:
        answers = naming(["93.184.215.14"], ["127.0.0.1"])

        async def ask_again(self: Webhook, url: object) -> str:
            await answers("push.example", 80)  # type: ignore[misc]  # what was looked at
            del self, url
            return (await answers("push.example", 80))[0]  # type: ignore[misc,no-any-return]  # what is used

        without(monkeypatch, "quietway_server.notify.webhook:Webhook._find_address", ask_again)
        url = f"http://push.example:{inner.port}/x"
        assert await send(allowing_all(url), url) == ""
        assert inner.connects == 1
    assert {address for address, _ in tried} == {"127.0.0.1"}


async def test_control_a_client_that_follows_redirects_reaches_the_inner_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import httpx  # noqa: PLC0415, the library whose default is at stake

    made = httpx.AsyncClient

    def follow(**options: object) -> httpx.AsyncClient:
        return made(**{**options, "follow_redirects": True})  # type: ignore[arg-type]  # its own

    without(monkeypatch, "quietway_server.notify.webhook:httpx.AsyncClient", follow)
    with Provider() as inner:
        went = f"HTTP/1.1 302 Go\r\nLocation: {inner.url()}\r\nContent-Length: 0\r\n\r\n"
        with Provider(went.encode()) as outer:
            assert await send(Webhook((), [outer.origin]), outer.url()) == ""
        assert inner.connects == 1


async def test_the_name_stands_in_the_request_though_the_connection_goes_to_an_address() -> None:
    def answer(came: Came) -> bytes:
        return (
            TAKES
            if came.header("Host") == f"push.example:{own.port}"
            else b"HTTP/1.1 404 No\r\n\r\n"
        )

    with Provider(answer) as own:
        origin = f"http://push.example:{own.port}"
        webhook = Webhook((), [origin], resolve=naming(["127.0.0.1"]))  # type: ignore[arg-type]  # a resolver
        assert await send(webhook, f"{origin}/x") == ""


async def test_the_systems_resolver_is_what_is_asked() -> None:
    assert "127.0.0.1" in await resolve("localhost", 80) or "::1" in await resolve("localhost", 80)
    assert len(LITERALS) + len(SPELLINGS) + len(FORMS) >= 40
