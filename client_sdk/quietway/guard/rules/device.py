"""What makes a phone, a network or a tracker findable: addresses, names, serial numbers.

An IP address leads to a town and, by the provider, to a door; the name of a home's Wi-Fi is in
public maps of networks. Addresses are found by their form (a version is none), names and numbers
after the word that announces them; an IMEI proves itself.

Spec: docs/spec/guard.md, "Devices".
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from quietway.guard.checksums import is_luhn
from quietway.guard.nearby import compile_words, is_near
from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_WORDS: Final = read_rule_file("device").tables["words"]
_VERSION_WORD: Final = compile_words(_WORDS["version"])
_ADDRESS_WORD: Final = compile_words(_WORDS["address"])
_LINK: Final = rf"(?:[ :#.,(\"'=°-]|(?:{'|'.join(_WORDS['between'])})(?![a-z])){{1,10}}+"

_DOT: Final = r"(?:\.| ?[\[(] ?(?:\.|dot) ?[\])] ?)"
_IP4: Final = re.compile(
    rf"[0-9](?<![0-9a-z.<>=~!^][0-9])[0-9]{{0,2}}(?:{_DOT}[0-9]{{1,3}}){{3}}(?!{_DOT}?[0-9a-z])"
)
_IP6: Final = re.compile(
    r"(?<![0-9a-z:.])[0-9a-f]{0,4}(?::{1,2}[0-9a-f]{1,4}){2,8}(?:::)?(?![0-9a-z:])"
)
_MAC: Final = re.compile(
    r"(?<![0-9a-z:-])[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}(?![0-9a-z:-])"
    r"|(?<![0-9a-z.])[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}(?![0-9a-z.])"
    r"|(?<=mac )[0-9a-f]{12}(?![0-9a-z])|(?<=mac: )[0-9a-f]{12}(?![0-9a-z])"
)
_MAC_HINT: Final = re.compile(r"[:.-](?:[0-9a-f]{2}[:-]|[0-9a-f]{4}\.)")
_IP6_HINT: Final = re.compile(r":[0-9a-f]{0,4}:")
_NOT_DIGIT: Final = re.compile(r"[^0-9]+")
_SMALL: Final = 10

_NETWORK: Final = re.compile(
    rf"(?<![a-z])(?:{'|'.join(_WORDS['network'])})(?![a-z])(?: ?(?:{'|'.join(_WORDS['naming'])})("
    rf"?![a-z])){{0,4}}[ :=#-]{{1,3}}"
    r"(?:\"([^\"]{2,32})\"|'([^']{2,32})'|\(?([\w!@#$%&*.-]{3,32}))"
)
_UNQUOTED: Final = 3
_NAMED: Final = re.compile(rf"(?:{'|'.join(_WORDS['naming'])})[ :=#-]{{1,3}}$|[:=] ?$")
_NAME_LIKE: Final = re.compile(
    r"(?=.{0,31}[0-9_])|(?=.{0,31}[A-Za-z]-[A-Za-z0-9])|[A-Z]?[a-z]{1,15}[A-Z]|[A-Z]{2,}[a-z]"
)
_IMEI: Final = re.compile(
    r"[0-9](?<![0-9a-z][0-9])[0-9][ -]?[0-9]{6}[ -]?[0-9]{6}[ -]?[0-9](?:[ -]?[0-9]{1,2})?(?![0-9])"
)
_IMEI_DIGITS: Final = 15
_SERIAL: Final = re.compile(
    rf"(?<![a-z])(?:{'|'.join(_WORDS['serial'])})(?![a-z]){_LINK}([a-z0-9][a-z0-9-]{{5,39}}+)(?!["
    rf"a-z0-9])"
)
_SERIAL_LIKE: Final = re.compile(
    r"(?=(?:[a-z-]{0,12}[0-9]){2})(?!(?:19|20)[0-9]{2}-)|(?=[a-f0-9-]{32,40}$)"
)


def find(view: View) -> Iterator[Hit]:
    """Yield addresses, names of networks, and serial numbers of devices."""
    yield from _find_addresses(view)
    if any(stem in view.text for stem in _WORDS["network_stems"]):
        yield from _find_networks(view)
    if any(stem in view.text for stem in _WORDS["serial_stems"]):
        for found in _SERIAL.finditer(view.text):
            if _SERIAL_LIKE.match(found[1]):
                yield view.hit("device.serial", *found.span(1))
    for found in _IMEI.finditer(view.text):
        digits = _NOT_DIGIT.sub("", found.group())
        if len(digits) == _IMEI_DIGITS and is_luhn(digits):
            yield view.hit("device.serial", *found.span())


def _find_addresses(view: View) -> Iterator[Hit]:
    for found in _IP4.finditer(view.text):
        if _is_ip4(view.text, found):
            yield view.hit("device.address", *found.span())
    if _IP6_HINT.search(view.text):
        for found in _IP6.finditer(view.text):
            if _is_ip6(found.group()):
                yield view.hit("device.address", *found.span())
    if not _MAC_HINT.search(view.text) and "mac" not in view.text:
        return
    for found in _MAC.finditer(view.text):
        if not found.group().replace(".", "").isdigit() or ":" in found.group():
            yield view.hit("device.address", *found.span())


def _is_ip4(text: str, found: re.Match[str]) -> bool:
    parts = _NOT_DIGIT.split(found.group())
    try:
        address = IPv4Address(".".join(parts))
    except AddressValueError:
        return False
    if address.is_loopback or address.is_unspecified:
        return False
    if is_near(_ADDRESS_WORD, text, *found.span(), before=30, after=15):
        return True
    # "4.2.1.7 Duties" is a section, and "version 10.2.1.44" a version.
    is_section = all(int(part) < _SMALL for part in parts)
    return not is_section and not is_near(
        _VERSION_WORD, text, found.start(), found.end(), before=18
    )


def _is_ip6(written: str) -> bool:
    try:
        IPv6Address(written)
    except AddressValueError:
        return False
    return any(char.isdigit() for char in written) and written.count(":") > 1


def _find_networks(view: View) -> Iterator[Hit]:
    for found in _NETWORK.finditer(view.text):
        group = next(index for index in (1, 2, _UNQUOTED) if found[index])
        start, end = found.span(group)
        name = view.cased[start:end]
        is_named = _NAMED.search(view.text, found.start(), start) is not None
        if group != _UNQUOTED or _NAME_LIKE.match(name) or (is_named and name[0].isupper()):
            yield view.hit("device.wifi", start, end)
