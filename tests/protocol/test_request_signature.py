from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_crypto.signing import SigningKey
from quietway_protocol.errors import ClockSkewError, RequestRefusedError
from quietway_protocol.request_signature import VerifiedRequest, sign_request, verify_request

KEY = SigningKey(b"k" * 32)
KEY_ID = "dev_" + "a" * 26
NONCE = "AAECAwQFBgcICQoLDA0ODw"
CREATED = 1_795_382_000
URL = "https://relay.example/v1/mailbox?after=7"
BODY = b'{"frame":"ack","through":7}'
HOURS_2 = 2 * 60 * 60 * 1000


def _sign(**changes: object) -> dict[str, str]:
    fields: dict[str, object] = {
        "method": "POST",
        "url": URL,
        "body": BODY,
        "key": KEY,
        "key_id": KEY_ID,
        "created": CREATED,
        "nonce": NONCE,
    }
    return sign_request(**(fields | changes))  # type: ignore[arg-type]  # fields of a call


def _verify(headers: object, **changes: object) -> VerifiedRequest:
    fields: dict[str, object] = {
        "method": "POST",
        "url": URL,
        "headers": headers,
        "body": BODY,
        "public_key_of": {KEY_ID: KEY.public}.get,
        "now": CREATED * 1000,
    }
    return verify_request(**(fields | changes))  # type: ignore[arg-type]  # fields of a call


def test_a_signature_is_verified_and_names_its_key_nonce_and_time() -> None:
    assert _verify(_sign()) == VerifiedRequest(KEY_ID, NONCE, CREATED)


def test_the_headers_have_exactly_one_shape() -> None:
    assert _sign()["Signature-Input"] == (
        'quietway=("@method" "@authority" "@path" "@query" "content-digest")'
        f';created={CREATED};keyid="{KEY_ID}";alg="ed25519";nonce="{NONCE}";tag="quietway/v1"'
    )
    assert set(_sign(body=None)) == {"Signature", "Signature-Input"}
    assert "content-digest" not in _sign(body=None)["Signature-Input"]


def test_a_websocket_is_signed_as_the_request_that_upgrades_it() -> None:
    signed = _sign(method="GET", url="wss://relay.example:443/v1/mailbox", body=None)
    verified = _verify(signed, method="GET", url="https://relay.example/v1/mailbox", body=None)
    assert verified.key_id == KEY_ID


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "GET"},
        {"url": "https://other.example/v1/mailbox?after=7"},
        {"url": "https://relay.example/v1/directory?after=7"},
        {"url": "https://relay.example/v1/mailbox?after=8"},
        {"url": "https://relay.example/v1/mailbox"},
        {"body": BODY + b" "},
        {"body": None},
        {"public_key_of": {KEY_ID: SigningKey(b"x" * 32).public}.get},
        {"public_key_of": {}.get},
        {"public_key_of": {KEY_ID: bytes([1]) + bytes(31)}.get},
        {"url": "not an address"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_was_signed_is_what_is_verified(changes: dict[str, object]) -> None:
    with pytest.raises(RequestRefusedError):
        _verify(_sign(), **changes)


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"quietway=", "other="),
        (r'"@query" ', ""),
        (r'"@method" "@authority"', '"@authority" "@method"'),
        (r'tag="quietway/v1"', 'tag="quietway/v2"'),
        (r';tag="quietway/v1"', ""),
        (r'alg="ed25519"', 'alg="hmac-sha256"'),
        (r';alg="ed25519"', ""),
        (r"created=\d+", 'created="soon"'),
        (r";created=\d+", ""),
        (r'nonce="[^"]+"', 'nonce="short"'),
        (r"$", ";expires=1"),
        (r"$", ', second=("@method");created=1;keyid="x"'),
    ],
)
def test_a_signature_of_another_shape_is_refused(pattern: str, replacement: str) -> None:
    headers = _sign()
    headers["Signature-Input"] = re.sub(pattern, replacement, headers["Signature-Input"], count=1)
    with pytest.raises(RequestRefusedError):
        _verify(headers)


def test_a_header_that_stands_twice_is_refused() -> None:
    twice = [*_sign().items(), *_sign().items()]
    with pytest.raises(RequestRefusedError):
        _verify(twice)


def test_a_body_without_a_signed_digest_is_refused() -> None:
    with pytest.raises(RequestRefusedError):
        _verify(_sign(body=None))
    with pytest.raises(RequestRefusedError):
        _verify({**_sign(body=None), "Content-Digest": _sign()["Content-Digest"]})


@pytest.mark.parametrize("nonce", ["", "A" * 21, "A" * 23, "A" * 21 + "B", "A" * 20 + "==", "é"])
def test_a_nonce_that_is_not_16_bytes_is_never_signed(nonce: str) -> None:
    with pytest.raises(RequestRefusedError):
        _sign(nonce=nonce)


@pytest.mark.parametrize("skew", [HOURS_2 + 1, -HOURS_2 - 1, 10**15, -CREATED * 1000])
def test_a_clock_more_than_two_hours_off_is_told_apart_only_after_the_signature(skew: int) -> None:
    now = CREATED * 1000 + skew
    with pytest.raises(ClockSkewError) as off:
        _verify(_sign(), now=now)
    assert off.value.skew_ms == -skew
    with pytest.raises(RequestRefusedError):
        _verify(_sign(), now=now, method="GET")


def test_two_hours_are_just_near_enough() -> None:
    for skew in (HOURS_2, -HOURS_2):
        assert _verify(_sign(), now=CREATED * 1000 + skew).created == CREATED


@given(st.dictionaries(st.sampled_from(["Signature", "Signature-Input"]), st.text(max_size=200)))
@settings(max_examples=200, deadline=None)
def test_any_headers_are_refused_in_one_way(headers: dict[str, str]) -> None:
    with pytest.raises(RequestRefusedError):
        _verify(headers, body=None, method="GET")
