"""The independent reader's own rules: a judge that lets nothing through that the page forbids."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.reader.canonical_json import NotCanonicalError, decode
from tests.reader.curve import may_sign

ROOT = Path(__file__).resolve().parents[2]

NOT_CANONICAL = {
    "a key twice": b'{"a":1,"a":1}',
    "keys out of order": b'{"b":1,"a":1}',
    "white space": b'{"a": 1}',
    "a byte order mark": b'\xef\xbb\xbf{"a":1}',
    "a float": b'{"a":1.0}',
    "an exponent": b'{"a":1e2}',
    "minus zero": b'{"a":-0}',
    "a leading zero": b'{"a":01}',
    "2 to the 53": b'{"a":9007199254740992}',
    "a huge integer": b'{"a":' + b"9" * 5000 + b"}",
    "null": b'{"a":null}',
    "not UTF-8": b'{"a":"\xff"}',
    "an overlong form": b'{"a":"\xc0\x80"}',
    "a lone surrogate": b'{"a":"\\ud800"}',
    "an escape that is not needed": b'{"a":"\\u0041"}',
    "an escaped slash": b'{"a":"\\/"}',
    "a long escape for a short one": b'{"a":"\\u000a"}',
    "upper case in an escape": b'{"a":"\\u001F"}',
    "a bare control": b'{"a":"\n"}',
    "17 levels": b'{"a":' + b"[" * 16 + b"]" * 16 + b"}",
    "trailing bytes": b'{"a":1}\n',
    "no object": b"[1]",
    "nothing": b"",
    "half an object": b'{"a":',
}

SMALL_ORDER = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)
BASE_POINT = "5866666666666666666666666666666666666666666666666666666666666666"


@pytest.mark.parametrize("raw", NOT_CANONICAL.values(), ids=NOT_CANONICAL.keys())
def test_the_decoder_refuses_what_is_not_canonical(raw: bytes) -> None:
    with pytest.raises(NotCanonicalError):
        decode(raw)


def test_the_decoder_reads_what_is_canonical() -> None:
    raw = '{"":[],"a":{"b":[-1,0,true,false]},"z":"\\"\\\\\\b\\f\\n\\r\\t\\u001f\u062f/\U0001f54a"}'
    assert decode(raw.encode()) == {
        "": [],
        "a": {"b": [-1, 0, True, False]},
        "z": '"\\\b\f\n\r\t\x1f\u062f/\U0001f54a',
    }


def test_sixteen_levels_are_read() -> None:
    assert decode(b'{"a":' + b"[" * 15 + b"]" * 15 + b"}")


@pytest.mark.parametrize("key", SMALL_ORDER)
def test_keys_of_small_order_and_other_encodings_may_not_sign(key: str) -> None:
    assert not may_sign(bytes.fromhex(key))


def test_a_key_of_the_right_subgroup_may_sign() -> None:
    assert may_sign(bytes.fromhex(BASE_POINT))


def test_the_reader_shares_no_code_with_the_product() -> None:
    program = (
        "import sys; import tests.reader.independent_reader;"
        "print(*[name for name in sys.modules if name.startswith('quietway')])"
    )
    # The product is put on the path, so that an import of it would succeed and show.
    path = [str(ROOT), *(str(ROOT / folder) for folder in ("crypto", "schemas", "client_sdk"))]
    found = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == ""
