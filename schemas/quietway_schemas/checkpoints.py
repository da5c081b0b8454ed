"""The one text of a checkpoint, and nothing about who signed it.

A checkpoint is a C2SP tlog-checkpoint in a C2SP signed-note, of which exactly one form passes here:
no extension lines, one signature, numbers and base64 in one spelling. Two readers therefore never
see two checkpoints in one note. Whether the signature holds is for `quietway_protocol.checkpoints`.

Spec: docs/spec/transparency-log.md, "Checkpoints".
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from quietway_schemas.canonical import LARGEST_INTEGER
from quietway_schemas.errors import CheckpointError

MAX_NOTE_BYTES: Final = 400
LOG_NAME: Final = r"quietway\.log/[a-z2-7]{26}"
ROOT_BYTES: Final = 32
KEY_ID_BYTES: Final = 4
SIGNATURE_BYTES: Final = 64
# No `$` and no `\d`: they would let a last line break and foreign digits pass.
_NOTE: Final = re.compile(
    rf"(?P<text>(?P<origin>{LOG_NAME})\n(?P<size>0|[1-9][0-9]{{0,15}})\n(?P<root>[A-Za-z0-9+/=]{{44}})\n)"
    rf"\n\u2014 (?P<name>{LOG_NAME}) (?P<signature>[A-Za-z0-9+/=]{{92}})\n"
)

Note = Annotated[str, Field(min_length=1, max_length=MAX_NOTE_BYTES)]
"""A note as a field of JSON: text whose form `read_note` judges."""


@dataclass(frozen=True, slots=True)
class UnverifiedCheckpoint:
    """What a note says, before anybody checked who said it.

    Attributes:
        name: Of the log's key, and of the log.
        size: How many leaves the tree has.
        root: Of the tree, 32 bytes.
        key_id: Which key the signature claims to be by, 4 bytes.
        signature: Ed25519 over `text`, 64 bytes.
        text: What is signed.
    """

    name: str
    size: int
    root: bytes
    key_id: bytes
    signature: bytes
    text: bytes


def format_text(name: str, size: int, root: bytes) -> bytes:
    """Write what the log's key signs: origin, size and root, each on a line.

    Args:
        name: Of the log.
        size: How many leaves the tree has.
        root: Of the tree, 32 bytes.
    """
    return f"{name}\n{size}\n{_encode(root)}\n".encode("ascii")


def format_note(name: str, text: bytes, *, key_id: bytes, signature: bytes) -> str:
    """Write the note: the text, an empty line, and the signature line."""
    return f"{text.decode('ascii')}\n\u2014 {name} {_encode(key_id + signature)}\n"


def read_note(note: str) -> UnverifiedCheckpoint:
    """Read a note that is in its one form.

    Raises:
        CheckpointError: It is not.
    """
    found = _NOTE.fullmatch(note)
    if found is None:
        raise CheckpointError("does not have the lines of a checkpoint")
    if found["origin"] != found["name"]:
        raise CheckpointError("is signed under another name than its own")
    if int(found["size"]) > LARGEST_INTEGER:
        raise CheckpointError("has a size that is out of range")
    signed = _decode(found["signature"], KEY_ID_BYTES + SIGNATURE_BYTES)
    return UnverifiedCheckpoint(
        name=found["name"],
        size=int(found["size"]),
        root=_decode(found["root"], ROOT_BYTES),
        key_id=signed[:KEY_ID_BYTES],
        signature=signed[KEY_ID_BYTES:],
        text=found["text"].encode("ascii"),
    )


def _encode(raw: bytes) -> str:
    """Write bytes in standard base64 with padding, as C2SP does and our own objects do not."""
    return base64.b64encode(raw).decode("ascii")


def _decode(text: str, length: int) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise CheckpointError("holds something that is not base64") from None
    if len(raw) != length or _encode(raw) != text:
        raise CheckpointError("holds base64 of another length or spelling")
    return raw
