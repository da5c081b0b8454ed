"""The relay's end of a submitting socket, without I/O: batches are counted and answered in order.

Theory of operation: batches come faster than the disk takes them, and their outcomes may be known
in any order: one that is malformed is refused at once, while those before it wait for a commit. So
outcomes are noted as they come, and what can be said is said: everything from the last answer up to
the first batch that is still open, in as few frames as possible.

Rules: a session knows nothing of what a batch holds. After a breach only the closing may be said.

Spec: docs/spec/relay-protocol.md, "On a websocket".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway_protocol.errors import LocalProtocolError, RemoteProtocolError
from quietway_schemas import frames

if TYPE_CHECKING:
    from collections.abc import Iterator

UNANSWERED_BATCHES: Final = 64
UNANSWERED_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a batch was refused: a registered code, which record, and when to come again."""

    problem: str
    index: int | None = None
    retry_after: int | None = None


class SubmissionSession:
    """One session over one connection."""

    def __init__(self) -> None:
        self._received = 0
        self._stored = 0
        self._answered = 0
        self._sizes: dict[int, int] = {}
        self._outcomes: dict[int, Refusal | None] = {}
        self._unanswered_bytes = 0

    @property
    def stored(self) -> int:
        """How many batches became durable."""
        return self._stored

    def has_news(self, *, since: int) -> bool:
        """Tell whether a batch was stored since so many, or is still to be answered."""
        return self._stored > since or bool(self._sizes)

    def has_room(self) -> bool:
        """Tell whether another batch may be read before one is answered."""
        return len(self._sizes) < UNANSWERED_BATCHES and self._unanswered_bytes < UNANSWERED_BYTES

    def feed(self, frame: str | bytes) -> int:
        """Take in one received frame; give the number of the batch that it is.

        Raises:
            RemoteProtocolError: It is a text frame, which a client never sends here.
        """
        if isinstance(frame, str):
            raise RemoteProtocolError("A text frame came where only batches may come.")
        self._received += 1
        self._sizes[self._received] = len(frame)
        self._unanswered_bytes += len(frame)
        return self._received

    def note(self, number: int, refusal: Refusal | None) -> None:
        """Note how a batch came out: None where it is durable.

        Raises:
            LocalProtocolError: There is no such batch, or its outcome is known already.
        """
        if number not in self._sizes or number in self._outcomes:
            raise LocalProtocolError("No batch of this number is open.")
        self._outcomes[number] = refusal
        self._stored += refusal is None

    def take_answers(self) -> list[str]:
        """Give the frames that can be said now, each once."""
        return list(self._answers())

    def send_closing(self, *, problem: str, detail: str) -> str:
        """Say why this side closes."""
        return frames.encode_control(frames.Closing(problem=problem, detail=detail))

    def _answers(self) -> Iterator[str]:
        accepted = None
        while self._answered + 1 in self._outcomes:
            self._answered += 1
            self._unanswered_bytes -= self._sizes.pop(self._answered)
            refusal = self._outcomes.pop(self._answered)
            if refusal is None:
                accepted = self._answered
                continue
            if accepted is not None:
                yield frames.encode_accepted(accepted)
                accepted = None
            yield frames.encode_control(
                frames.Refused(
                    at=self._answered,
                    problem=refusal.problem,
                    index=refusal.index,
                    retry_after=refusal.retry_after,
                )
            )
        if accepted is not None:
            yield frames.encode_accepted(accepted)
