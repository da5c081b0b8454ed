"""What two devices show each other of the transparency log, where they were shown different ones.

It is about the relay and about nobody's case: no program shows it, nothing answers it but the same
type, and it says what the log itself has signed. Whoever reads it checks the note's signature and
recomputes the path: the sender is believed in nothing.

Spec: docs/spec/transparency-log.md, "Gossip".
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway_schemas.content.base import ContentModel, Text
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Bytes32, Count

LOG_CHECKPOINT: Final = "log.checkpoint"
MOST_NOTE_BYTES: Final = 260
MOST_PATH: Final = 16
"""Hashes that fit beside a note into a flash envelope; a longer path is asked from the relay."""


class LogCheckpoint(ContentModel):
    """`log.checkpoint`: a checkpoint as the log signed it, and how it follows an older size."""

    type: Literal["log.checkpoint"] = LOG_CHECKPOINT
    note: Annotated[str, Text(MOST_NOTE_BYTES)]
    old_size: Annotated[Count, Field(ge=1)] | None = None
    path: Annotated[tuple[Bytes32, ...], Field(min_length=1, max_length=MOST_PATH)] | None = None

    @model_validator(mode="after")
    def _check_path(self) -> Self:
        if self.path is not None and self.old_size is None:
            raise ContentError("path", "stands with the size that it begins at")
        return self
