"""Which addresses a relay may have, and which proxy leads there.

A relay is reached over TLS. Plain http is for this machine alone: the loopback addresses and the
name `localhost`, spelled out, never by a name that only looks like them. For the same reason a
plain address never goes through a proxy elsewhere: it would leave the machine in the clear.

Spec: docs/spec/relay-protocol.md, "Ground rules".
"""

from __future__ import annotations

import ipaddress
import re
import urllib.request
from typing import Final
from urllib.parse import SplitResult, urlsplit

from quietway.errors import InsecureRelay, RelayUnreachable

_LOOPBACK: Final = ipaddress.IPv4Network("127.0.0.0/8")
_LOOPBACK_6: Final = ipaddress.IPv6Address("::1")
# What has another meaning in some parser of addresses is refused before any parser sees it.
_PLAIN: Final = re.compile(r"[A-Za-z0-9.:/\[\]-]+", re.ASCII)
_PROXY_SCHEMES: Final = frozenset({"http", "https", "socks5", "socks5h"})
_PORTS: Final = range(1, 65_536)


def require_safe_address(url: str) -> str:
    """Check a relay's address.

    Args:
        url: As the user or an invitation gave it.

    Returns:
        `https://host[:port]`, or `http://...` on this machine, in lower case and without a path.

    Raises:
        InsecureRelay: Anything else: another scheme, a user, a path, or http beyond this machine.
    """
    parts = _split(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts)):
        raise InsecureRelay
    return f"{parts.scheme}://{parts.netloc.lower()}"


def find_proxy(url: str) -> str | None:
    """Return the proxy that the system names for a relay, or None.

    Args:
        url: From `require_safe_address`.

    Raises:
        RelayUnreachable: The proxy is of a kind that we can't use. Going around it would show
            the network what the user wanted it not to see.
    """
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.netloc):
        return None
    named = urllib.request.getproxies()
    proxy = named.get(parts.scheme) or named.get("all")
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(proxy).scheme not in _PROXY_SCHEMES:
        raise RelayUnreachable
    leaves_in_clear = parts.scheme == "http" and not _is_loopback(urlsplit(proxy))
    return None if leaves_in_clear else proxy


def to_websocket(url: str) -> str:
    """Name the same place as a websocket address."""
    return "ws" + url.removeprefix("http")


def _split(url: str) -> SplitResult:
    if not _PLAIN.fullmatch(url):
        raise InsecureRelay
    try:
        parts = urlsplit(url)
        port_is_wrong = parts.port is not None and parts.port not in _PORTS
    except ValueError:
        raise InsecureRelay from None
    if not parts.hostname or parts.path not in {"", "/"} or port_is_wrong:
        raise InsecureRelay
    return parts


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address == _LOOPBACK_6 or address in _LOOPBACK
