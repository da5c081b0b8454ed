"""The process that takes files apart, and the one that asks it. Spec: docs/spec/cleaning.md."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.cleaning.photographs import take
from tests.controls import without

from quietway.attaching.sealed_file import Source
from quietway.attaching.staging import staged
from quietway.cleaning.cleaning import CLEANING, clean, forget_leftovers
from quietway.cleaning.frames import MOST_TEXT, REASONS, REMOVED, Answer
from quietway.errors import AttachmentUnfit, StorageFull
from quietway_schemas.locale import say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from quietway.attaching.transfer import TransferProgress
    from quietway.cleaning.cleaned import Cleaned

    Clean = Callable[..., Awaitable[Cleaned]]

COMMAND = "quietway.cleaning.cleaning:list_command"
FRAME = "import struct, sys; out = sys.stdout.buffer; frame = lambda letter, body: out.write("
FRAME += "struct.pack('>cI', letter, len(body)) + body); sys.stdin.buffer.read(); "
HONEST = {"reason": "", "kind": "text", "removed": [], "texts": []}


def answer_with(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let a program stand in the process's place: one that a file took over."""
    without(monkeypatch, COMMAND, lambda: (sys.executable, "-I", "-c", program))


def list_files(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file()]


def read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def say_answer(**other: object) -> str:
    return f"frame(b'A', {json.dumps(HONEST | other)!r}.encode())"


async def test_what_comes_back_is_one_private_file_where_it_was_asked_for(
    cleaned: Clean, home: Path
) -> None:
    new = await cleaned(take("HEIF"), "My photo.HEIC", "image/heic")
    assert list_files(home) == [new.path]
    assert stat.S_IMODE(new.path.stat().st_mode) == 0o600 or os.name != "posix"
    assert (new.name, new.media_type) == ("My photo.jpg", "image/jpeg")
    assert new.length == new.path.stat().st_size
    assert "My photo" not in repr(new)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a.JPEG", "a.JPEG"),
        ("", "file.jpg"),
        ("no ending", "no ending.jpg"),
        ("a.b.jpg", "a.b.jpg"),
    ],
)
async def test_a_name_keeps_its_words_and_gets_the_ending_of_what_the_file_is(
    name: str, wanted: str, cleaned: Clean
) -> None:
    assert (await cleaned(take("JPEG"), name)).name == wanted


async def test_what_was_removed_is_said_in_words(cleaned: Clean) -> None:
    new = await cleaned(take("JPEG"), "a.jpg")
    assert "The place where the picture was taken." in new.explain()
    assert "El lugar donde se tomó la foto." in new.explain("es")
    plain = await cleaned(b"Nothing here.", "a.txt")
    assert plain.explain() == say("cleaning.nothing")
    assert all(say(f"cleaning.{code}") != say(f"cleaning.{code}", "es") for code in REMOVED)


async def test_each_reason_of_a_refusal_says_what_to_do() -> None:
    more = {"cleaner_failed", "too_large_to_clean", "too_slow"}
    sentences = {str(AttachmentUnfit(reason)) for reason in REASONS | more}
    assert len(sentences) == len(REASONS) + len(more)


async def test_a_file_is_not_changed_and_read_from_its_path(home: Path, cleaned: Clean) -> None:
    content = take("PNG")
    path = staged(home, "given", b"one")
    path.write_bytes(content)
    await cleaned(path, "given.png")
    assert path.read_bytes() == content


async def test_progress_is_told(home: Path) -> None:
    told: list[TransferProgress] = []
    content = take("TIFF")
    place = staged(home, CLEANING, b"one")
    await clean(Source.of(content), name="", media_type="", place=place, tell=told.append)
    assert [(each.stage, each.done, each.total) for each in told][-1] == (
        "clean",
        len(content),
        len(content),
    )


@pytest.mark.parametrize(
    "program",
    [
        "import os; os.abort()",
        "import sys; sys.exit(0)",
        FRAME + "frame(b'D', b'half of it')",
        FRAME + "out.write(struct.pack('>cI', b'D', 4_000_000_000))",
        FRAME + "frame(b'Z', b'')",
        FRAME + "frame(b'A', b'[' * 100_000)",
        FRAME + "frame(b'A', b'null')",
        FRAME + say_answer(kind="executable"),
        FRAME + say_answer(removed=["everything"]),
        FRAME + say_answer(removed=[["gps"]]),
        FRAME + say_answer(texts=[1]),
        FRAME + say_answer(reason="because"),
        FRAME + "[frame(b'D', bytes(1_000_000)) for _ in range(70)]; " + say_answer(),
    ],
)
async def test_a_process_that_a_file_took_over_is_not_believed(
    program: str, monkeypatch: pytest.MonkeyPatch, cleaned: Clean, home: Path
) -> None:
    answer_with(monkeypatch, program)
    with pytest.raises(AttachmentUnfit) as refused:
        await cleaned(b"Nothing here.", "a.txt")
    assert refused.value.reason == "cleaner_failed"
    assert list_files(home) == []


async def test_control_the_same_program_is_believed_when_it_keeps_the_form(
    monkeypatch: pytest.MonkeyPatch, cleaned: Clean
) -> None:
    answer_with(monkeypatch, FRAME + "frame(b'D', b'new'); " + say_answer())
    assert (await cleaned(b"Nothing here.", "a.txt")).path.read_bytes() == b"new"


async def test_a_process_that_does_not_end_is_ended(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    answer_with(monkeypatch, "import time; time.sleep(600)")
    place = staged(home, CLEANING, b"one")
    with pytest.raises(AttachmentUnfit) as refused:
        await clean(Source.of(b"a"), name="", media_type="", place=place, seconds=0.2)
    assert refused.value.reason == "too_slow"
    assert not place.exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows does not fork")
async def test_what_a_process_began_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """A child that outlives it holds its pipes, and is not its business."""
    child = "import os, time; os.fork() or (os.setsid(), time.sleep({})); "
    place = staged(home, CLEANING, b"one")

    async def ask(seconds: float) -> None:
        asking = clean(Source.of(b"a"), name="a.txt", media_type="", place=place)
        await asyncio.wait_for(asking, seconds)

    answer_with(monkeypatch, FRAME + child.format(30) + say_answer())
    await ask(25)
    # Control: whoever reads its pipes to their end waits for the child.
    answer_with(monkeypatch, FRAME + child.format(1) + say_answer())
    without(monkeypatch, "quietway.cleaning.cleaning:_end", wait_for_the_pipes)
    with pytest.raises(TimeoutError):
        await ask(0.5)


async def wait_for_the_pipes(process: asyncio.subprocess.Process, _: object) -> None:
    await process.communicate()


async def test_a_process_gets_nothing_of_this_ones_environment(
    monkeypatch: pytest.MonkeyPatch, cleaned: Clean
) -> None:
    """Not its secrets, and nothing that names code to load (`PYTHONPATH`, `LD_PRELOAD`)."""
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("QUIETWAY_PASSPHRASE_FILE", "/secret")
    program = "import os; frame(b'D', ' '.join(sorted(os.environ)).encode()); "
    answer_with(monkeypatch, FRAME + program + say_answer())
    told = (await cleaned(b"a", "a.txt")).path.read_text()
    # LC_CTYPE is Python's own, where no locale is named.
    assert set(told.split()) <= {"LC_CTYPE", "SYSTEMROOT", "SYSTEMDRIVE"}
    # Control: an environment that is passed on.
    without(monkeypatch, "quietway.cleaning.cleaning:_keep_little_environment", os.environ.copy)
    told = (await cleaned(b"a", "a.txt")).path.read_text()
    assert {"PYTHONPATH", "QUIETWAY_PASSPHRASE_FILE"} <= set(told.split())


async def test_half_a_character_in_a_word_is_none(
    monkeypatch: pytest.MonkeyPatch, cleaned: Clean
) -> None:
    answer_with(monkeypatch, FRAME + say_answer(texts=["Elm \ud800 \ud83d\ude00"]))
    (text,) = (await cleaned(b"a", "a.txt")).texts
    assert text == "Elm \ufffd \U0001f600"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no limit of a file's length")
@pytest.mark.parametrize("length", [100, 3_000_000])
async def test_a_full_disk_is_told_and_leaves_nothing(
    length: int, cleaned: Clean, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full_disk(length // 2), pytest.raises(StorageFull):
        await cleaned(b"a" * length, "a.txt")
    assert list_files(home) == []
    # Control: the system's own word for it.
    without(monkeypatch, "quietway.cleaning.cleaning:telling_full_disk", nullcontext)
    without(monkeypatch, "quietway.attaching.staging:telling_full_disk", nullcontext)
    with full_disk(length // 2), pytest.raises(OSError, match="too large"):
        await cleaned(b"a" * length, "a.txt")


@contextmanager
def full_disk(most: int) -> Iterator[None]:
    """Let no file of this process become longer than so many bytes."""
    import resource  # noqa: PLC0415 - not on Windows

    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such pipes")
async def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(cleaned: Clean, home: Path) -> None:
    path = staged(home, "given", b"one")
    os.mkfifo(path)
    with pytest.raises(AttachmentUnfit) as refused:
        await cleaned(path, "a.txt")
    assert refused.value.reason == "unreadable"
    source = Source(path, 1)  # As it was measured before.
    with pytest.raises(AttachmentUnfit) as refused:
        await clean(source, name="a.txt", media_type="", place=staged(home, CLEANING, b"one"))
    assert refused.value.reason == "unreadable"


async def test_a_file_that_grows_is_read_no_further_than_the_bound(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = staged(home, "given", b"one")
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)
    place = staged(home, CLEANING, b"one")
    answer_with(monkeypatch, FRAME + say_answer())
    with pytest.raises(AttachmentUnfit) as refused:
        await clean(Source(path, 1), name="a.txt", media_type="", place=place)
    assert refused.value.reason == "too_large_to_clean"
    assert not place.exists()


async def test_who_stops_waiting_leaves_no_process_and_no_file(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    program = "import os, time; frame(b'D', b'%99999d' % os.getpid()); out.flush(); time.sleep(600)"
    answer_with(monkeypatch, FRAME + program)
    place = staged(home, CLEANING, b"one")
    task = asyncio.create_task(clean(Source.of(b"a"), name="", media_type="", place=place))
    while len(read(place)) < 99_999:
        assert not task.done()
        await asyncio.sleep(0.01)
    process = int(read(place))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list_files(home) == []
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


async def test_a_file_that_is_too_large_starts_no_process(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    answer_with(monkeypatch, "unreachable")
    source = Source(bytes(1), 64 * 1024 * 1024 + 1)
    with pytest.raises(AttachmentUnfit) as refused:
        await clean(source, name="", media_type="", place=home / "none" / "x")
    assert refused.value.reason == "too_large_to_clean"


async def test_where_there_is_no_python_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, cleaned: Clean
) -> None:
    for nowhere in ("/nowhere/python", "", None):  # An embedded Python does not know its own.
        without(monkeypatch, COMMAND, lambda program=nowhere: (program, "-I"))
        with pytest.raises(AttachmentUnfit) as refused:
            await cleaned(b"a", "a.txt")
        assert refused.value.reason == "cleaner_failed"


async def test_what_a_crash_left_is_removed(home: Path) -> None:
    staged(home, CLEANING, b"left").write_bytes(b"plain")
    forget_leftovers(home)
    forget_leftovers(home)
    assert not (home / CLEANING).exists()


def test_words_are_handed_out_up_to_a_bound() -> None:
    answer = Answer("", "text", (), ("a" * 900_000, "b" * 900_000, "c"))
    again = Answer.from_bytes(answer.to_bytes())
    assert again is not None
    assert [len(text) for text in again.texts] == [900_000, MOST_TEXT - 900_000]


TRIES = """
import os, sys
out = os.fdopen(os.dup(1), "wb", 0)
{confine}
import mmap, socket, subprocess
tries = {{
    "file": lambda: os.open(sys.executable, os.O_RDONLY),
    "socket": lambda: socket.socket(),
    "pipe": os.pipe,
    "process": lambda: subprocess.Popen([sys.executable, "-c", ""]).wait(),
    "memory": lambda: mmap.mmap(-1, 700 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS),
}}
for name, attempt in tries.items():
    try:
        attempt()
    except (OSError, MemoryError):
        continue
    out.write(name.encode() + b" ")
"""


def test_from_when_it_parses_the_process_opens_nothing() -> None:
    shut = "from quietway.cleaning.worker.limits import close_all_doors, confine; confine(); "
    # The modules come first, as the room for a kind does.
    program = TRIES.format(confine=f"import mmap, socket, subprocess; {shut} close_all_doors()")
    assert run(program) == set()


def test_control_a_process_that_is_not_shut_in_opens_everything() -> None:
    assert run(TRIES.format(confine="")) == {"file", "socket", "pipe", "process", "memory"}


def run(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], env={}, check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())
