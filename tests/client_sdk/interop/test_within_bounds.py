"""Whatever a file holds, it is judged within a second of work and 100 MB of memory."""

from __future__ import annotations

import sys
import tracemalloc
from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.interop.bounds import IMPORT, MEBIBYTE, UNBOUNDED, measure
from tests.client_sdk.interop.samples import take
from tests.controls import without

from quietway.errors import ImportRefused
from quietway.interop import read_import_file

if TYPE_CHECKING:
    from pathlib import Path

MOST_SECONDS: Final = 1.0
MOST_MEBIBYTES: Final = 95.3  # 100 MB
HUGE: Final = 10 * MEBIBYTE
ROOM: Final = MEBIBYTE - 200
PERSON: Final = b"Maria Muster"
START: Final = b'{"resourceType":"Task","status":"requested","intent":"order","note":'
TASK: Final = START + b'[{"text":"' + PERSON + b'"}]}'


def fill(piece: bytes, last: bytes, room: int = ROOM) -> bytes:
    """Write one piece over and over, as often as there is room for it."""
    return piece * ((room - len(last)) // len(piece)) + last


def nest(levels: int, inner: bytes) -> bytes:
    return b'{"note":' * levels + inner + b"}" * levels


FILES: Final[dict[str, tuple[bytes, str]]] = {
    "an ordinary task": (TASK, "taken"),
    "nothing at all": (b"", "malformed"),
    "not JSON": (b"<Task>" + PERSON + b"</Task>", "malformed"),
    "not UTF-8": (TASK.replace(b"Maria", b"\xff\xfe"), "malformed"),
    "truncated": (TASK[:-4], "malformed"),
    "truncated in its last megabyte": (START + b'"' + fill(PERSON, b""), "malformed"),
    "ten megabytes": (START + b'"' + PERSON * (HUGE // len(PERSON)) + b'"}', "too_large"),
    "ten megabytes of lists": (START + b"[" + fill(b"[],", b"[]]}", HUGE), "too_large"),
    "deeply nested lists": (b"[" * ROOM, "malformed"),
    "deeply nested objects": (b'{"a":' * (ROOM // 5), "malformed"),
    "nested by forty": (START + nest(40, b'"x"') + b"}", "malformed"),
    "a key that comes twice": (TASK[:-1] + b',"status":"draft"}', "malformed"),
    "a status of the wrong type": (TASK.replace(b'"requested"', b'["requested"]'), "malformed"),
    "a code of the wrong type": (TASK[:-1] + b',"code":"' + PERSON + b'"}', "malformed"),
    "a kind of the wrong type": (b'{"resourceType":{"Task":"Task"}}', "not_a_referral"),
    "a list": (b"[" + TASK + b"]", "malformed"),
    "nothing but empty lists": (START + b"[" + fill(b"[],", b"[]]}"), "taken"),
    "nothing but numbers": (START + b"[" + fill(b"1,", b"1]}"), "taken"),
    "numbers at the bottom": (
        START + nest(28, b"[" + fill(b"1,", b"1]", ROOM - 500)) + b"}",
        "taken",
    ),
    "one long number": (START + fill(b"9", b"}"), "taken"),
    "nothing but codings": (
        TASK[:-1] + b',"code":{"coding":[' + fill(b"{},", b"{}]}}"),
        "too_large",
    ),
}
# How a Task stands is read without its code.
CODE_ALONE: Final = ("a code of the wrong type", "nothing but codings")


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_judged_within_a_second_and_a_hundred_megabytes(
    name: str, tmp_path: Path
) -> None:
    raw, verdict = FILES[name]
    path = tmp_path / "file.json"
    path.write_bytes(raw)

    taken = measure(IMPORT, path)

    assert taken.verdicts == (verdict, "taken" if name in CODE_ALONE else verdict)
    assert taken.mebibytes < MOST_MEBIBYTES
    assert taken.seconds < MOST_SECONDS


def test_a_program_without_bounds_takes_more_than_that(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(FILES["ten megabytes of lists"][0])

    assert measure(UNBOUNDED, path).mebibytes > 2 * MOST_MEBIBYTES


@pytest.mark.parametrize("name", [name for name in FILES if FILES[name][1] != "taken"])
def test_a_refusal_of_a_broken_file_repeats_nothing_of_it(name: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        take(FILES[name][0])

    assert "Maria" not in f"{refused.value} {refused.value!r}"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_ten_megabytes_on_disk_are_refused_without_being_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    path.write_bytes(b" " * HUGE)

    assert peak_of_reading(path) < 3 * MEBIBYTE


def test_a_file_of_many_gigabytes_is_refused_as_fast(tmp_path: Path) -> None:
    path = tmp_path / "endless.json"
    with path.open("wb") as opened:
        opened.truncate(64 * 1024 * MEBIBYTE)

    taken = measure(IMPORT, path)

    assert taken.verdicts == ("too_large", "too_large")
    assert taken.mebibytes < MOST_MEBIBYTES
    assert taken.seconds < MOST_SECONDS


def test_without_the_bound_ten_megabytes_are_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "huge.json"
    path.write_bytes(b" " * HUGE)
    module = sys.modules[read_import_file.__module__]
    without(monkeypatch, f"{module.__name__}:read_import_file", lambda path: path.read_bytes())

    assert peak_of_reading(path) > HUGE


def peak_of_reading(path: Path) -> int:
    """Give how many bytes were held at most while a file was refused for its size."""
    module = sys.modules[read_import_file.__module__]
    tracemalloc.start()
    try:
        with pytest.raises(ImportRefused, match="too_large"):
            take(module.read_import_file(path))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
