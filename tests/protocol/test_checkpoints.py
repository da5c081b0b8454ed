"""Checkpoints under a pinned log key, and manifests proved against them."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.controls import without

from quietway.testing.relay_log import RelayLog
from quietway_crypto.encoding import TAGS, pae
from quietway_crypto.errors import EncodingError, ProofRefusedError, SignatureRefusedError
from quietway_crypto.merkle import EMPTY_ROOT, hash_leaf, root_of
from quietway_crypto.signing import SigningKey, verify
from quietway_protocol import checkpoints
from quietway_protocol.checkpoints import (
    name_key,
    name_log,
    prove_logged,
    read_checkpoint,
    sign_checkpoint,
)
from quietway_protocol.errors import CheckpointRefusedError
from quietway_schemas.checkpoints import format_note, format_text, read_note
from quietway_schemas.ids import AgencyId
from quietway_schemas.log import LogLeaf, LogProof

KEY = SigningKey(b"k" * 32)
OTHER = SigningKey(b"o" * 32)
SIGNED = sign_checkpoint(3, b"r" * 32, KEY)
AGENCY = AgencyId(b"a" * 16)
SMALL_ORDER = bytes([1]) + bytes(31)


def _reason(note: str, key: bytes = KEY.public) -> str:
    with pytest.raises(CheckpointRefusedError) as refused:
        read_checkpoint(note, key)
    return refused.value.reason


def test_a_checkpoint_holds_under_its_own_key() -> None:
    assert read_checkpoint(SIGNED.note, KEY.public) == SIGNED
    empty = sign_checkpoint(0, EMPTY_ROOT, KEY)
    assert read_checkpoint(empty.note, KEY.public) == empty


def test_the_key_id_is_that_of_the_published_example() -> None:
    """The verifier key in the documentation of Go's sumdb/note, where the form comes from."""
    name, key_id, typed = [
        "PeterNeumann",
        "c74f20a3",
        "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ]
    key = base64.b64decode(typed)[1:]
    assert checkpoints._key_id(name, key).hex() == key_id
    assert name_key(KEY.public) == checkpoints._key_id(name_log(KEY.public), KEY.public)


def test_the_name_is_made_of_the_key_alone() -> None:
    digest = hashlib.sha256(pae("quietway/v1/log-name", KEY.public)).digest()[:16]
    text = base64.b32encode(digest).decode().rstrip("=").lower()
    assert name_log(KEY.public) == f"quietway.log/{text}"
    assert name_log(KEY.public) != name_log(OTHER.public)


def test_another_log_is_told_from_a_forgery() -> None:
    assert _reason(SIGNED.note, OTHER.public) == "another_log"
    name, text = name_log(KEY.public), format_text(name_log(KEY.public), 3, b"r" * 32)
    by_other = format_note(
        name, text, key_id=name_key(KEY.public), signature=OTHER.sign_log_text(text)
    )
    assert _reason(by_other) == "forged"
    wrong_id = format_note(name, text, key_id=bytes(4), signature=KEY.sign_log_text(text))
    assert _reason(wrong_id) == "another_log"


def test_an_empty_log_has_one_root() -> None:
    assert _reason(sign_checkpoint(0, b"r" * 32, KEY).note) == "malformed"


def test_a_key_of_small_order_verifies_nothing() -> None:
    name = name_log(SMALL_ORDER)
    text = format_text(name, 3, b"r" * 32)
    signature = SMALL_ORDER + bytes(32)
    note = format_note(name, text, key_id=name_key(SMALL_ORDER), signature=signature)
    assert _reason(note, SMALL_ORDER) == "forged"


@given(st.integers(0, len(SIGNED.note) - 1), st.characters())
@settings(deadline=None)
def test_no_altered_character_passes(at: int, character: str) -> None:
    if SIGNED.note[at] == character:
        return
    altered = SIGNED.note[:at] + character + SIGNED.note[at + 1 :]
    assert _reason(altered) in {"malformed", "another_log", "forged"}


def test_what_a_log_key_signs_is_nothing_of_ours() -> None:
    text = read_note(SIGNED.note).text
    signature = read_note(SIGNED.note).signature
    for tag in TAGS:
        assert not pae(tag, text).startswith(b"quietway.log/")
        with pytest.raises(SignatureRefusedError):
            verify(KEY.public, tag, text, signature)
        with pytest.raises(EncodingError):
            KEY.sign_log_text(pae(tag, text))
    with pytest.raises(EncodingError):
        KEY.sign_http_base(text)
    with pytest.raises(EncodingError):
        KEY.sign_log_text(b'"@method": GET')


def test_control_without_the_look_at_the_beginning_a_log_key_signs_a_manifest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_crypto.signing:_check_log_text", lambda _: None)
    signature = KEY.sign_log_text(pae("quietway/v1/manifest", b"{}"))
    verify(KEY.public, "quietway/v1/manifest", b"{}", signature)


def test_a_leaf_is_81_bytes_as_the_page_says() -> None:
    leaf = LogLeaf(kind=1, nonce=b"n" * 32, agency_id=AGENCY, manifest_hash=b"h" * 32)
    assert leaf.to_bytes() == b"\x01" + b"n" * 32 + b"a" * 16 + b"h" * 32


def _logged(versions: int) -> RelayLog:
    log = RelayLog()
    for version in range(versions):
        log.append_manifest(AGENCY, bytes([version]) * 32)
        log.append_manifest(AgencyId(bytes([version]) * 16), bytes([version]) * 32)
    return log


def test_a_logged_manifest_is_proved_and_nothing_else_is() -> None:
    log = _logged(5)
    head = read_checkpoint(log.checkpoint().note, log.log_key)
    proof = log.prove(AGENCY)
    assert proof is not None
    prove_logged(head, AGENCY, b"\x04" * 32, proof)
    for agency, digest, shown in (
        (AgencyId(b"b" * 16), b"\x04" * 32, proof),
        (AGENCY, b"\x03" * 32, proof),
        (AGENCY, b"\x04" * 32, proof.model_copy(update={"nonce": bytes(32)})),
        (AGENCY, b"\x04" * 32, proof.model_copy(update={"index": proof.index - 1})),
        (AGENCY, b"\x04" * 32, LogProof(index=proof.index, nonce=proof.nonce, path=())),
    ):
        with pytest.raises(ProofRefusedError):
            prove_logged(head, agency, digest, shown)
    with pytest.raises(ProofRefusedError):
        prove_logged(log.checkpoint(9), AGENCY, b"\x04" * 32, proof)


def test_the_openings_fold_into_the_signed_root() -> None:
    log = _logged(5)
    log.append_removal(AGENCY)
    leaves = log.leaves_after(0).leaves
    assert root_of(hash_leaf(leaf.to_bytes()) for leaf in leaves) == log.checkpoint().root
    assert log.prove(AGENCY) is None
    assert log.leaves_after(9).leaves == leaves[9:]


def test_a_fork_has_the_same_key_and_another_root() -> None:
    log = _logged(2)
    face = log.fork()
    log.append_manifest(AGENCY, b"x" * 32)
    face.append_manifest(AGENCY, b"y" * 32)
    one, other = (read_checkpoint(held.checkpoint().note, log.log_key) for held in (log, face))
    assert (one.size, other.size) == (5, 5)
    assert one.root != other.root
    assert log.checkpoint(4) == face.checkpoint(4)
