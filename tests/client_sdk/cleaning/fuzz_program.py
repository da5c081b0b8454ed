"""A program, shut in like the product's, that cleans broken files of one kind after another.

    python -m tests.client_sdk.cleaning.fuzz_program SEED COUNT

prints how many files of each kind were cleaned and how many were refused. A file that it does not
answer for ends it, with what was raised or with a signal.
"""

from __future__ import annotations

import json
import random
import sys

from tests.client_sdk.cleaning.documents import write_docx
from tests.client_sdk.cleaning.pages import write_office_pdf
from tests.client_sdk.cleaning.photographs import take
from tests.client_sdk.cleaning.rooms import clean_here

from quietway.cleaning.kinds import KINDS
from quietway.cleaning.worker.limits import confine
from quietway.cleaning.worker.result import Refused

LEAKS = (b"secret-author", b"GPSLatitude", b"Exif\0\0", b"behind the church")


def break_somewhere(content: bytes, draw: random.Random) -> bytes:
    """Cut a file off, flip some bits, or put a piece of it elsewhere."""
    broken = bytearray(content)
    match draw.randrange(3):
        case 0:
            del broken[draw.randrange(len(broken)) :]
        case 1:
            for _ in range(draw.choice((1, 4, 32))):
                broken[draw.randrange(len(broken))] ^= 1 << draw.randrange(8)
        case _:
            first, length = draw.randrange(len(broken)), draw.randrange(1, 64)
            at = draw.randrange(len(broken))
            broken[at:at] = broken[first : first + length]
    return bytes(broken)


def main() -> None:
    """Clean broken files."""
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    draw = random.Random(seed)
    whole = {form: take(form) for form in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")}
    whole |= {"PDF": write_office_pdf(), "DOCX": write_docx(), "text": "Añasco \u200b".encode() * 9}
    confine()
    told = {}
    for form, content in whole.items():
        answers = {"cleaned": 0, "refused": 0}
        for _ in range(count):
            try:
                new = clean_here(break_somewhere(content, draw))
            except Refused:
                answers["refused"] += 1
                continue
            answers["cleaned"] += 1
            if new.kind not in KINDS or any(leak in new.content for leak in LEAKS):
                raise SystemExit(f"{form} came out with what nobody sees")
        told[form] = answers
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
