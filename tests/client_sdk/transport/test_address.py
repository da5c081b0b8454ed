"""Which addresses are safe, and which proxies."""

from __future__ import annotations

import pytest
from tests.controls import without

from quietway.errors import InsecureRelay, RelayUnreachable
from quietway.transport.address import find_proxy, require_safe_address

SAFE = {
    "https://relay.example": "https://relay.example",
    "https://Relay.Example:8443/": "https://relay.example:8443",
    "https://[2001:db8::1]": "https://[2001:db8::1]",
    "https://127.0.0.1": "https://127.0.0.1",
    "http://localhost": "http://localhost",
    "http://localhost:8740/": "http://localhost:8740",
    "http://LOCALHOST": "http://localhost",
    "http://127.0.0.1:8740": "http://127.0.0.1:8740",
    "http://127.255.0.3": "http://127.255.0.3",
    "http://[::1]:8740": "http://[::1]:8740",
}
UNSAFE = [
    "http://relay.example",
    "http://localhost.evil",
    "http://127.0.0.1.evil",
    "http://localhost@evil",
    "http://localhost:80@evil",
    "http://evil#@localhost",
    "http://evil\\@localhost",
    "http://evil?localhost",
    "http://user@localhost",
    "https://user:secret@relay.example",
    "http://127.1",
    "http://0177.0.0.1",
    "http://2130706433",
    "http://0.0.0.0",
    "http://128.0.0.1",
    "http://[::ffff:127.0.0.1]",
    "http://[::2]",
    "http://[::1",
    "http://localhost.",
    "http://localhost\n.evil",
    "http://local\thost",
    "http://ⓛocalhost",
    "http:///",
    "https://",
    "https://relay.example/path",
    "https://relay.example?query",
    "https://relay.example:0",
    "https://relay.example:99999",
    "ws://localhost",
    "ftp://localhost",
    "//localhost",
    "localhost",
    "",
    " https://relay.example",
]


@pytest.mark.parametrize("url", SAFE)
def test_a_safe_address_is_accepted_in_its_plain_form(url: str) -> None:
    assert require_safe_address(url) == SAFE[url]


@pytest.mark.parametrize("url", UNSAFE)
def test_an_address_beyond_this_machine_without_tls_is_refused(url: str) -> None:
    with pytest.raises(InsecureRelay):
        require_safe_address(url)


def test_without_the_loopback_check_plain_http_would_go_anywhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.transport.address:_is_loopback", lambda _: True)
    assert require_safe_address("http://relay.example") == "http://relay.example"


@pytest.fixture
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.usefixtures("_no_proxies")
def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_proxy("https://relay.example") is None
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    assert find_proxy("https://relay.example") == "http://proxy.example:3128"
    monkeypatch.setenv("NO_PROXY", "relay.example")
    assert find_proxy("https://relay.example") is None


@pytest.mark.usefixtures("_no_proxies")
def test_a_socks_proxy_for_everything_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5h://127.0.0.1:9050")
    assert find_proxy("https://relay.example") == "socks5h://127.0.0.1:9050"


@pytest.mark.usefixtures("_no_proxies")
def test_a_proxy_that_cannot_be_used_is_not_gone_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks4://127.0.0.1:9050")
    with pytest.raises(RelayUnreachable):
        find_proxy("https://relay.example")


@pytest.mark.usefixtures("_no_proxies")
def test_plain_http_never_leaves_the_machine_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    assert find_proxy("http://127.0.0.1:8740") is None
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:3128")
    assert find_proxy("http://127.0.0.1:8740") == "http://127.0.0.1:3128"


@pytest.mark.usefixtures("_no_proxies")
def test_without_that_rule_plain_http_would_leave_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    without(monkeypatch, "quietway.transport.address:_is_loopback", lambda _: True)
    assert find_proxy("http://127.0.0.1:8740") == "http://proxy.example:3128"
