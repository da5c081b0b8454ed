"""One file in, one file out. Nothing is imported that parses before the process is shut in.

Spec: docs/spec/cleaning.md, "The process".
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import TYPE_CHECKING, Final

from quietway.cleaning.frames import ANSWER, HEAD, PIECE, PIECE_BYTES, PROGRESS, Answer
from quietway.cleaning.worker.limits import close_all_doors, confine
from quietway.cleaning.worker.result import Refused
from quietway.cleaning.worker.rooms import clean_as, find_room, name_kind

if TYPE_CHECKING:
    from typing import BinaryIO

    from quietway.cleaning.worker.result import Result

_LONGEST_CLAIM: Final = 4096


def main() -> None:
    """Clean the file on standard input."""
    confine()
    # What libraries say of a file is said to nobody, and to build it costs time.
    logging.disable()
    # Libraries print warnings of their own: only frames may go where the frames go.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    claim = json.loads(sys.stdin.buffer.readline(_LONGEST_CLAIM))
    try:
        result = _clean(sys.stdin.buffer.read(), claim["ending"], claim["media_type"], out)
    except Refused as refused:
        _say(out, ANSWER, Answer(reason=refused.reason).to_bytes())
        return
    for first in range(0, len(result.content), PIECE_BYTES):
        _say(out, PIECE, result.content[first : first + PIECE_BYTES])
    answer = Answer("", result.kind, tuple(result.removed), result.texts)
    _say(out, ANSWER, answer.to_bytes())


def _clean(content: bytes, ending: str, media_type: str, out: BinaryIO) -> Result:
    def progress(done: int, total: int) -> None:
        _say(out, PROGRESS, (1_000 * done // max(total, 1)).to_bytes(2, "big"))

    kind = name_kind(content, ending, media_type)
    room = find_room(kind)
    close_all_doors()
    return clean_as(room, kind, content, progress)


def _say(out: BinaryIO, letter: bytes, body: bytes) -> None:
    out.write(HEAD.pack(letter, len(body)) + body)
    out.flush()


if __name__ == "__main__":
    main()
