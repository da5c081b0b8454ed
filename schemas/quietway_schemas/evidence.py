"""The file that proves that a log showed two faces. It names no agency, no device and no message.

Spec: docs/spec/transparency-log.md, "Evidence".
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from quietway_schemas.checkpoints import Note
from quietway_schemas.fields import Bytes32, WireModel
from quietway_schemas.log import MOST_PATH

MAX_EVIDENCE_BYTES: Final = 8_192


class ForkFile(WireModel):
    """Two notes of one log, and where their sizes differ the consistency path between them."""

    first: Note
    log_key: Bytes32
    path: Annotated[tuple[Bytes32, ...], Field(min_length=1, max_length=MOST_PATH)] | None = None
    second: Note
    version: Literal[1] = 1
