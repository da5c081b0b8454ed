"""Row 18, cross-protocol confusion: what was signed for one purpose is shown for another.

A relay that could have a device sign bytes of its choosing (an "auth challenge" that is really an
acknowledgement, a manifest, an envelope) would speak in that device's name. Here nothing that a
relay chooses is ever signed: a request signature covers a base that starts with a quotation mark,
every other signature covers a PAE with a tag of its own, and no PAE starts with a quotation mark.
The controls sign without a tag and without the check of the base, and the same attacks then
succeed.
"""

from __future__ import annotations

import base64
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl import bindings
from tests.controls import without

from quietway_crypto.encoding import TAGS, pae
from quietway_crypto.errors import EncodingError, SignatureRefusedError
from quietway_crypto.signing import SigningKey, verify, verify_http_base
from quietway_protocol.errors import RequestRefusedError
from quietway_protocol.request_signature import sign_request, verify_request

DEVICE = SigningKey(b"d" * 32)
BODIES = {tag: f"signed for {tag}".encode() for tag in TAGS}
BASE = b'"@method": GET\n"@authority": relay.example'
NONCE = "AAECAwQFBgcICQoLDA0ODw"


def test_no_tag_is_a_prefix_of_another() -> None:
    for one, other in permutations(TAGS, 2):
        assert not one.startswith(other)


@given(st.sampled_from(sorted(TAGS)), st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_encoding_of_ours_is_a_signature_base_of_http(tag: str, body: bytes) -> None:
    assert not pae(tag, body).startswith(b'"')
    with pytest.raises(EncodingError):
        DEVICE.sign_http_base(pae(tag, body))


def test_an_object_signed_for_one_purpose_is_refused_in_every_other_slot() -> None:
    for made_for, shown_for in permutations(TAGS, 2):
        signature = DEVICE.sign(made_for, BODIES[made_for])
        verify(DEVICE.public, made_for, BODIES[made_for], signature)
        with pytest.raises(SignatureRefusedError):
            verify(DEVICE.public, shown_for, BODIES[made_for], signature)


def test_a_request_signature_opens_no_slot_and_no_object_opens_a_request() -> None:
    of_request = DEVICE.sign_http_base(BASE)
    for tag in TAGS:
        with pytest.raises(SignatureRefusedError):
            verify(DEVICE.public, tag, BASE, of_request)
        with pytest.raises(EncodingError):
            verify_http_base(DEVICE.public, pae(tag, BODIES[tag]), DEVICE.sign(tag, BODIES[tag]))
        with pytest.raises(SignatureRefusedError):
            verify_http_base(DEVICE.public, BASE, DEVICE.sign(tag, BASE))


def test_an_object_shown_as_a_request_signature_is_refused() -> None:
    headers = _signed_request()
    forged = DEVICE.sign("quietway/v1/manifest", b"{}")
    headers["Signature"] = f"quietway=:{_standard_base64(forged)}:"
    with pytest.raises(RequestRefusedError):
        _verify(headers)


def test_control_without_tags_one_signature_fits_every_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: domain separation off, and the attack succeeds in every slot."""
    without(monkeypatch, "quietway_crypto.signing:pae", lambda _tag, body: body)
    for made_for, shown_for in permutations(TAGS, 2):
        signature = DEVICE.sign(made_for, BODIES[made_for])
        verify(DEVICE.public, shown_for, BODIES[made_for], signature)


def test_control_without_the_check_of_the_base_a_challenge_is_a_manifest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: a client that signs any base signs the relay's own manifest for it."""
    without(monkeypatch, "quietway_crypto.signing:_check_http_base", lambda _base: None)
    challenge = pae("quietway/v1/manifest", b'{"root_key":"the relay\'s"}')
    signature = DEVICE.sign_http_base(challenge)
    verify(DEVICE.public, "quietway/v1/manifest", b'{"root_key":"the relay\'s"}', signature)


def test_libsodium_itself_would_take_either() -> None:
    """The primitive separates nothing: only what is put before the body does."""
    signature = DEVICE.sign_http_base(BASE)
    assert bindings.crypto_sign_open(signature + BASE, DEVICE.public) == BASE


def _signed_request() -> dict[str, str]:
    return sign_request(
        method="GET",
        url="https://relay.example/v1/mailbox",
        body=None,
        key=DEVICE,
        key_id="dev_x",
        created=1_795_382_000,
        nonce=NONCE,
    )


def _verify(headers: dict[str, str]) -> None:
    verify_request(
        method="GET",
        url="https://relay.example/v1/mailbox",
        headers=headers,
        body=None,
        public_key_of=lambda _: DEVICE.public,
        now=1_795_382_000_000,
    )


def _standard_base64(raw: bytes) -> str:

    return base64.b64encode(raw).decode("ascii")
