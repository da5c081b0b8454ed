"""Has a file cleaned by a process of its own, and keeps what comes back.

The process gets two pipes and nothing else. It is killed when its time is over, when what it says
has not the agreed form, and when nobody waits for it any more; then no file is left.

Spec: docs/spec/cleaning.md, "The process".
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from quietway.attaching.names import make_harmless
from quietway.attaching.staging import forget, list_staged, open_new, write_all
from quietway.attaching.transfer import Tell, TransferProgress
from quietway.cleaning.cleaned import Cleaned
from quietway.cleaning.frames import (
    ANSWER,
    HEAD,
    MOST_ANSWER_BYTES,
    PIECE,
    PIECE_BYTES,
    PROGRESS,
    Answer,
)
from quietway.cleaning.kinds import KINDS
from quietway.errors import AttachmentUnfit
from quietway.files import telling_full_disk
from quietway.unbroken import end_what_began

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from pathlib import Path
    from typing import BinaryIO

    from quietway.attaching.sealed_file import Source

CLEANING: Final = "cleaning"
"""The folder within a device's folder where new files lie until they are sealed."""
LARGEST_CLEANED: Final = 64 * 1024 * 1024
"""Bytes of a file that are read, and of a new one that are taken back."""
MOST_SECONDS: Final = 120
"""After so long the process is killed, whatever the system's own limits are."""
_NOT_PARTS_OF_A_THOUSAND: Final = 1_000
_NEEDED_BY_WINDOWS: Final = ("SYSTEMROOT", "SYSTEMDRIVE")


async def clean(
    source: Source,
    *,
    name: str,
    media_type: str,
    place: Path,
    tell: Tell | None = None,
    seconds: float = MOST_SECONDS,
) -> Cleaned:
    """Clean a file into a new one.

    Args:
        source: What; it is read once, from its beginning to its end.
        name: Its name as it would be sent, or empty.
        media_type: What it is called, as `image/jpeg`; empty or `application/octet-stream` claims
            nothing.
        place: Where the new file goes, in the device's folder.
        tell: Is told how far it is.
        seconds: How long it may take.

    Raises:
        AttachmentUnfit: It can't be read, or not be cleaned, with the reason. Nothing is left.
        StorageFull: There is no room. Nothing is left.
    """
    if source.length > LARGEST_CLEANED:
        raise AttachmentUnfit("too_large_to_clean")
    try:
        with telling_full_disk(), open_new(place) as file:
            async with asyncio.timeout(seconds):
                answer = await _ask(source, _claim(name, media_type), file, tell)
            length = file.tell()
    except BaseException as failed:
        forget(place)
        if isinstance(failed, TimeoutError):
            raise AttachmentUnfit("too_slow") from None
        raise
    kind = KINDS[answer.kind]
    return Cleaned(
        place, length, _rename(name, answer.kind), kind.media_type, answer.removed, answer.texts
    )


def forget_leftovers(home: Path) -> None:
    """Remove what a program that ended too early left in the device's folder."""
    for path in list_staged(home, CLEANING):
        forget(path)


def list_command() -> tuple[str, ...]:
    """Give the command of the cleaning process: this Python, isolated, leaving no files."""
    return (sys.executable, "-I", "-B", "-m", "quietway.cleaning.worker")


async def _ask(source: Source, claim: bytes, file: BinaryIO, tell: Tell | None) -> Answer:
    process = await _start()
    feeding = asyncio.ensure_future(_feed(process, source, claim))
    answer = None
    try:
        answer = await _listen(process, source, file, tell)
    except AttachmentUnfit:
        pass  # Of a file that could not be read it knows nothing: that is said first.
    finally:
        feeding.cancel()
        await end_what_began(_end(process, feeding))
    failed = None if feeding.cancelled() else feeding.exception()
    if failed is not None:
        raise failed
    if answer is None or answer.reason:
        raise AttachmentUnfit("cleaner_failed" if answer is None else answer.reason)
    return answer


async def _start() -> Process:
    program, *arguments = list_command()
    if not program:
        raise AttachmentUnfit("cleaner_failed")
    try:
        return await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_keep_little_environment(),
        )
    except OSError:
        # A program frozen into one file, or within another, has no Python beside it.
        raise AttachmentUnfit("cleaner_failed") from None


async def _feed(process: Process, source: Source, claim: bytes) -> None:
    pipe = process.stdin
    if pipe is None:
        return
    try:
        # A process that has refused the file reads no more of it.
        with source.opened() as plain, suppress(BrokenPipeError, ConnectionResetError):
            pipe.write(claim + b"\n")
            done = 0
            while piece := await asyncio.to_thread(_read, plain):
                done += len(piece)
                if done > LARGEST_CLEANED:  # It grew since it was measured.
                    raise AttachmentUnfit("too_large_to_clean")
                pipe.write(piece)
                await pipe.drain()
    finally:
        pipe.close()


def _read(plain: BinaryIO) -> bytes:
    try:
        return plain.read(PIECE_BYTES)
    except OSError:
        raise AttachmentUnfit("unreadable") from None


async def _listen(process: Process, source: Source, file: BinaryIO, tell: Tell | None) -> Answer:
    while True:
        letter, body = await _hear(process)
        if letter == PIECE and file.tell() + len(body) <= LARGEST_CLEANED:
            await end_what_began(asyncio.to_thread(write_all, file, [body]))
        elif letter == PROGRESS and len(body) == 2:  # noqa: PLR2004 - a u16
            if tell is not None:
                done = min(int.from_bytes(body, "big"), _NOT_PARTS_OF_A_THOUSAND)
                done = source.length * done // _NOT_PARTS_OF_A_THOUSAND
                tell(TransferProgress("clean", done, source.length))
        elif letter == ANSWER and (answer := Answer.from_bytes(body)) is not None:
            return answer
        else:
            raise AttachmentUnfit("cleaner_failed")


async def _hear(process: Process) -> tuple[bytes, bytes]:
    """Hear one frame, of a length that an honest process says."""
    pipe = process.stdout
    if pipe is None:
        raise AttachmentUnfit("cleaner_failed")
    try:
        letter, length = HEAD.unpack(await pipe.readexactly(HEAD.size))
        if length > (MOST_ANSWER_BYTES if letter == ANSWER else PIECE_BYTES):
            raise AttachmentUnfit("cleaner_failed")
        return letter, await pipe.readexactly(length)
    except asyncio.IncompleteReadError:
        raise AttachmentUnfit("cleaner_failed") from None


async def _end(process: Process, feeding: asyncio.Future[None]) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await asyncio.wait([feeding])
    # Whatever it may have begun holds its pipes open for as long as it likes: that is not awaited.
    # The transport alone can let go of both, and has no public name.
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001
    await process.wait()


def _claim(name: str, media_type: str) -> bytes:
    claimed = {"ending": _find_ending(name), "media_type": media_type.partition(";")[0].strip()}
    return json.dumps(claimed).lower().encode("ascii")


def _find_ending(name: str) -> str:
    stem, dot, ending = make_harmless(name).rpartition(".") if name else ("", "", "")
    return ending.lower() if dot and stem else ""


def _rename(name: str, kind: str) -> str:
    endings = KINDS[kind].endings
    if _find_ending(name) in endings:
        return make_harmless(name)
    stem = name.rpartition(".")[0] if _find_ending(name) else name
    return make_harmless(f"{stem or 'file'}.{endings[0]}")


def _keep_little_environment() -> dict[str, str]:
    """Give the environment of the process: none, but for what Windows starts nothing without."""
    return {name: os.environ[name] for name in _NEEDED_BY_WINDOWS if name in os.environ}
