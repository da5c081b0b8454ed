"""Endpoints of wake-ups: two forms of a target, and nothing that two parsers read in two ways."""

from __future__ import annotations

import json

import pytest

from quietway_crypto.at_rest import MOST_RECORD_BYTES
from quietway_schemas.errors import ContentError, UnknownFieldError
from quietway_schemas.wake import (
    MOST_URL_CHARACTERS,
    WakeEndpoint,
    WakeEndpoints,
    WebTarget,
    check_address,
    read_url,
)


@pytest.mark.parametrize(
    ("text", "target", "authority"),
    [
        ("https://push.example", ("https", "push.example", 443, "/"), "push.example"),
        ("https://push.example/", ("https", "push.example", 443, "/"), "push.example"),
        ("https://a.b:8443/up?x=1", ("https", "a.b", 8443, "/up?x=1"), "a.b:8443"),
        ("http://127.0.0.1:80/t", ("http", "127.0.0.1", 80, "/t"), "127.0.0.1"),
        ("https://[fd00::1]:8443/t", ("https", "[fd00::1]", 8443, "/t"), "[fd00::1]:8443"),
    ],
)
def test_a_url_is_read(text: str, target: tuple[str, str, int, str], authority: str) -> None:
    assert read_url(text) == WebTarget(*target)
    assert read_url(text).authority == authority


@pytest.mark.parametrize(
    "text",
    [
        "",
        "push.example/t",
        "ftp://push.example/t",
        "HTTPS://push.example/t",
        "https://PUSH.example/t",
        "https://user@push.example/t",
        "https://user:pass@push.example/t",
        "https://push.example@127.0.0.1/t",
        "https://push.example\\@127.0.0.1/t",
        "https://push.example#@127.0.0.1/t",
        "https://push.example/t#x",
        "https://push.example/t x",
        "https://push.example/t\r\nHost: other",
        "https://push.example/\u2028",
        "https://pu\u0455h.example/t",
        "https://-push.example/t",
        "https://push.example./t",
        "https://push.example:0/t",
        "https://push.example:65536/t",
        "https://push.example:/t",
        "https:///t",
        "https://[::1/t",
        "https://%31%32%37.0.0.1/t",
        "https://push.example/" + "a" * MOST_URL_CHARACTERS,
    ],
)
def test_a_url_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ContentError):
        read_url(text)


@pytest.mark.parametrize("text", ["on-call@agency.example", "a@b", "a.b+c_d%e@x-y.example"])
def test_a_plain_address_is_an_address(text: str) -> None:
    check_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "agency.example",
        "a@b@c",
        "a b@c",
        "a@b,c@d",
        "<a@b>",
        '"a b"@c',
        "a@b\r\nBcc: c@d",
        "a@b\n",
        ".a@b",
        "a..b@c",
        "a@.b",
        "a@b.",
        "a@-b",
        "a@[127.0.0.1]",
        "\u0430@b",
        "a" * 250 + "@b.cd",
    ],
)
def test_an_address_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ContentError):
        check_address(text)


def _body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_a_list_is_read_and_has_one_spelling() -> None:
    web = {"kind": "webhook", "target": "https://push.example/t"}
    mail = {"kind": "email", "target": "a@b.example"}
    read = WakeEndpoints.from_body(_body(endpoints=[web, mail]), max_bytes=4_096)
    assert [(each.kind, each.target) for each in read.endpoints] == [
        tuple(web.values()),
        tuple(mail.values()),
    ]
    assert WakeEndpoints.from_canonical(read.to_canonical(), max_bytes=4_096) == read
    assert WakeEndpoints(endpoints=()).to_canonical() == b'{"endpoints":[]}'


@pytest.mark.parametrize(
    "endpoints",
    [
        [{"kind": "sms", "target": "a@b.example"}],
        [{"kind": "email", "target": "https://push.example/t"}],
        [{"kind": "webhook", "target": "a@b.example"}],
        [{"kind": "email", "target": "a@b.example"}] * 2,
        [{"kind": "email", "target": f"a{number}@b.example"} for number in range(5)],
        [{"kind": "email"}],
        {},
    ],
)
def test_a_list_of_another_form_is_refused(endpoints: object) -> None:
    with pytest.raises(ContentError):
        WakeEndpoints.from_body(_body(endpoints=endpoints), max_bytes=4_096)


def test_an_unknown_field_is_refused_by_its_name() -> None:
    named = {"kind": "email", "target": "a@b.example", "sound": "siren"}
    for body in (_body(endpoints=[named]), _body(endpoints=[], urgent=True)):
        with pytest.raises(UnknownFieldError):
            WakeEndpoints.from_body(body, max_bytes=4_096)


def test_the_longest_list_fits_into_its_row() -> None:
    longest = tuple(
        WakeEndpoint(kind="webhook", target=f"https://push.example/{number}".ljust(512, "a"))
        for number in range(4)
    )
    assert len(WakeEndpoints(endpoints=longest).to_canonical()) <= MOST_RECORD_BYTES
