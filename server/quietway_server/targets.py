"""Hosts and targets that an operator names: of wake-ups, canaries and alarms.

Rules: what is named is read when the relay starts, and what can't be read stops it with a sentence.
A host is compared with a target as scheme, host and port, all written out; nothing is a pattern.

Spec: docs/spec/wake-ups.md, "Trying, and trying again" and "Canary wake-ups".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway_schemas.errors import ContentError
from quietway_schemas.wake import EMAIL, WEBHOOK, WakeEndpoint, check_address, read_url
from quietway_server.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME: Final = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_SERVER: Final = re.compile(r"([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\]):([1-9][0-9]{0,4})", re.ASCII)
_LARGEST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Canary:
    """An endpoint of the operator's own, and the name under which its receipts come back."""

    name: str
    endpoint: WakeEndpoint


def read_hosts(option: str, text: str) -> frozenset[str]:
    """Read a list of public hosts, as `push.example` or `push.example:8443`, into origins.

    Raises:
        StartError: One can't be read.
    """
    return frozenset(_read_origin(option, f"https://{each}", each) for each in _split(text))


def read_own_hosts(option: str, text: str) -> frozenset[str]:
    """Read a list of hosts in the operator's own network, as `http://127.0.0.1:8080`.

    Raises:
        StartError: One can't be read.
    """
    return frozenset(_read_origin(option, each, each) for each in _split(text))


def read_targets(option: str, text: str) -> tuple[WakeEndpoint, ...]:
    """Read a list of addresses of webhooks and of mail.

    Raises:
        StartError: One can't be read.
    """
    return tuple(_read_target(option, each) for each in _split(text))


def read_canaries(option: str, text: str) -> tuple[Canary, ...]:
    """Read a list of canaries, as `name=target`.

    Raises:
        StartError: One can't be read, or a name stands there twice.
    """
    canaries: list[Canary] = []
    for each in _split(text):
        name, _, target = each.partition("=")
        if not _NAME.fullmatch(name) or any(name == held.name for held in canaries):
            raise StartError(
                f"{option} needs a name of its own for each canary, as push=https://push.example/x:"
                " letters in lower case, digits and hyphens."
            )
        canaries.append(Canary(name, _read_target(option, target)))
    return tuple(canaries)


def read_server(option: str, text: str) -> tuple[str, int] | None:
    """Read a mail server, as `mail.example:587`; None where none is named.

    Raises:
        StartError: It can't be read.
    """
    if not text:
        return None
    found = _SERVER.fullmatch(text)
    if found is None or int(found[2]) > _LARGEST_PORT:
        raise StartError(f"{option} must be like mail.example:587: correct it.")
    return found[1].strip("[]"), int(found[2])


def read_sender(option: str, text: str) -> str:
    """Read the address that mail comes from; empty where none is named.

    Raises:
        StartError: It can't be read.
    """
    if text:
        _read_mail(option, text)
    return text


def _split(text: str) -> Iterator[str]:
    return (each.strip() for each in text.split(",") if each.strip())


def _read_origin(option: str, url: str, shown: str) -> str:
    try:
        target = read_url(url)
    except ContentError:
        target = None
    if target is None or target.path != "/":
        raise StartError(f"{option} can't read the host {shown}: see docs/reference/settings.md.")
    return target.origin


def _read_target(option: str, text: str) -> WakeEndpoint:
    if "://" not in text:
        _read_mail(option, text)
        return WakeEndpoint(kind=EMAIL, target=text)
    try:
        return WakeEndpoint(kind=WEBHOOK, target=text)
    except ContentError:
        raise StartError(
            f"{option} can't read a target: name it like https://push.example/topic."
        ) from None


def _read_mail(option: str, text: str) -> None:
    try:
        check_address(text)
    except ContentError:
        raise StartError(
            f"{option} can't read an address: name it like on-call@agency.example."
        ) from None
