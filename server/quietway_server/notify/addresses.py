"""Which addresses a webhook may lead to: looked at each time, after the name was resolved.

Theory of operation: whoever names a webhook's host decides what it resolves to, and may decide
otherwise a moment later. So the name is resolved once, all of the answer is judged, and the
connection goes to an address that was judged.

Rules: what is allowed is a list of its own here, and not what a library of today calls public. An
address of IPv6 that holds one of IPv4 is refused, whichever it holds.

Spec: docs/spec/wake-ups.md, "Trying, and trying again".
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final, TypeAlias

from quietway_server.errors import NotTakenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Resolve: TypeAlias = "Callable[[str, int], Awaitable[Sequence[str]]]"

_NOT_PUBLIC_4: Final = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",  # this host, on this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared behind carriers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and what machines of a cloud are told there
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_PUBLIC_6: Final = ip_network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(
    ip_network(each)
    for each in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
_OWN: Final = tuple(
    ip_network(each)
    for each in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
_RESOLVERS: Final = 16
"""A resolver that hangs may not take the threads of others."""
_THREADS: Final = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="quietway-resolver")


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host.

    Raises:
        OSError: It has none.
    """
    found = await asyncio.get_running_loop().run_in_executor(
        _THREADS, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    return [str(address[4][0]) for address in found]


def choose_address(found: Sequence[str], *, is_own: bool) -> str:
    """Choose the address to connect to: the first, where all are allowed.

    Args:
        found: What the name resolved to.
        is_own: Whether the operator named this host as one of their own network.

    Raises:
        NotTakenError: There is none, or one is not allowed.
    """
    if not found:
        raise NotTakenError("name")
    if not all(is_allowed(each, is_own=is_own) for each in found):
        raise NotTakenError("address")
    return found[0]


def is_allowed(text: str, *, is_own: bool) -> bool:
    """Tell whether a webhook may lead to an address."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return _is_public(address) or (is_own and any(address in network for network in _OWN))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    return (
        address.scope_id is None
        and address in _PUBLIC_6
        and not any(address in network for network in _NOT_PUBLIC_6)
    )
