"""The envelope vectors, read back with the product's crypto as far as the signature.

Later stages (time, content, audience) belong to other rooms; vectors refused there must get past
this one.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import quietway_crypto
from quietway_crypto.encoding import TAG_CORE, TAG_ENVELOPE, TAG_MESSAGE_ID, hash_tagged
from quietway_crypto.errors import CryptoError, OpenError, PaddingError
from quietway_crypto.padding import unpad
from quietway_crypto.seal import open_
from quietway_crypto.signing import SIGNATURE_BYTES, verify
from quietway_crypto.suites import Suite, derive_keypair

FOLDER = Path(quietway_crypto.__file__).parents[1] / "vectors"
PATHS = sorted(FOLDER.glob("*.json"))
VECTORS = {path.stem: json.loads(path.read_text("utf-8")) for path in PATHS}
SEALED_BYTES = {1: 2_560, 2: 8_000}
ROOMS = {1: 1_174, 2: 6_614}
CORE_BYTES = 184
LATER = {"expired", "bad_time", "bad_content", "not_addressed_to_me"}


class Refused(Exception):
    def __init__(self, refusal: str) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def _read_header(vector: dict[str, str]) -> tuple[bytes, int, Suite]:
    header = bytes.fromhex(vector["header"])
    version, class_, suite, _epoch = struct.unpack(">BBBH", header[:5])
    mine = header[5:21].hex() == vector["recipient_mailbox"]
    known = version == 1 and class_ in SEALED_BYTES and suite in {1, 2}
    if len(header) != 37 or not known or not mine:
        raise Refused("not_addressed_to_me")
    return header, class_, Suite(suite)


def _open_message(vector: dict[str, str], header: bytes, class_: int, suite: Suite) -> bytes:
    sealed = bytes.fromhex(vector["sealed"])
    if len(sealed) != SEALED_BYTES[class_]:
        raise Refused("undecryptable")
    pair = derive_keypair(suite, bytes.fromhex(vector["recipient_epoch_seed"]))
    try:
        message = unpad(open_(pair, sealed, header=header))
    except (OpenError, PaddingError):
        raise Refused("undecryptable") from None
    room = len(message) - SIGNATURE_BYTES - CORE_BYTES
    if not 2 <= room <= ROOMS[class_]:
        raise Refused("undecryptable")
    return message


def _read_core(vector: dict[str, str]) -> bytes:
    header, class_, suite = _read_header(vector)
    message = _open_message(vector, header, class_, suite)
    signature, core = message[:SIGNATURE_BYTES], message[SIGNATURE_BYTES:]
    public = bytes.fromhex(vector["sender_identity_public"])
    signed = bytes.fromhex(vector["recipient_device"]) + header + core
    try:
        verify(public, TAG_ENVELOPE, signed, signature)
    except CryptoError:
        raise Refused("forged") from None
    return core


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_opens_or_is_refused_as_it_says(name: str) -> None:
    vector = VECTORS[name]
    if vector["opens"] or (vector["refusal"] in LATER and "core" in vector):
        core = _read_core(vector)
        assert core.hex() == vector["core"]
        assert hash_tagged(TAG_MESSAGE_ID, core)[:16].hex() == vector["message_id"]
        assert hash_tagged(TAG_CORE, core).hex() == vector["core_hash"]
    else:
        with pytest.raises(Refused) as caught:
            _read_core(vector)
        assert caught.value.refusal == vector["refusal"]


@pytest.mark.parametrize("name", [name for name, each in VECTORS.items() if each["opens"]])
def test_no_vector_that_opens_does_so_for_another_device_seed_or_sender(name: str) -> None:
    for key in ("recipient_device", "recipient_epoch_seed", "sender_identity_public"):
        other = bytearray(bytes.fromhex(VECTORS[name][key]))
        other[0] ^= 1
        with pytest.raises(Refused):
            _read_core(VECTORS[name] | {key: other.hex()})


def test_the_vectors_cover_both_suites_both_classes_and_each_refusal_that_needs_no_directory() -> (
    None
):
    opening = {(each["suite"], each["class"]) for each in VECTORS.values() if each["opens"]}
    assert opening == {(1, "flash"), (1, "case"), (2, "flash"), (2, "case")}
    refusals = {each["refusal"] for each in VECTORS.values() if not each["opens"]}
    assert refusals == LATER | {"undecryptable", "forged"}


def test_a_vectors_name_says_whether_it_opens_and_its_description_is_a_sentence() -> None:
    for name, vector in VECTORS.items():
        assert name.endswith("-opens") == vector["opens"]
        assert name.startswith("refused-because-") != vector["opens"]
        assert vector["description"][0].isupper()
        assert vector["description"].endswith(".")


def test_the_script_writes_these_vectors_again_but_for_the_randomness(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(FOLDER.parent)}
    script = [sys.executable, str(FOLDER / "make_vectors.py"), str(tmp_path)]
    subprocess.run(script, env=environment, check=True)
    again = {path.stem: json.loads(path.read_text("utf-8")) for path in tmp_path.glob("*.json")}
    assert _measure(again) == _measure(VECTORS)


def _measure(vectors: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    return {
        name: vector | {"sealed": len(str(vector["sealed"]))} for name, vector in vectors.items()
    }


def test_every_vector_stands_in_a_file_of_this_form() -> None:
    for path in PATHS:
        expected = json.dumps(VECTORS[path.stem], indent=2, ensure_ascii=False) + "\n"
        assert path.read_text("utf-8") == expected
