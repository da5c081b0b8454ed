"""What the load is asked, and what it answers: plain values that travel as JSON.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# How much longer than asked a window may get.
MOST_TIMES: Final = 4
# A load that uses more of its one core than this has measured itself.
BUSY_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Task:
    """One window of load.

    Attributes:
        kind: `http`, `websocket` or `nats`.
        port: Where the server listens on loopback.
        pid: Whose CPU counts.
        agencies: Mailboxes in hexadecimal, agency by agency. Client n sends to agency n.
        lanes: What client n shows, as the header has it; empty for NATS.
        batch: Recipients of each message, in one frame or request (NATS: as many publishes).
        clients: How many at once; each has one batch under way.
        supply: How many envelopes are made beforehand.
        seconds: How long the window is; it ends sooner when the supply does.
        whole: Whether instead everything that was made is sent, however long that takes.
        warm_seconds: How long the clients run before it.
        counter: The file in which the server counts its fsyncs, if it does.
    """

    kind: str
    port: int
    pid: int
    agencies: list[list[str]]
    lanes: list[str]
    batch: int
    clients: int
    supply: int
    seconds: float
    warm_seconds: float
    counter: str | None = None
    whole: bool = False

    def mailboxes_of(self, client: int) -> list[bytes]:
        """Give the mailboxes of the agency that a client sends to."""
        return [bytes.fromhex(text) for text in self.agencies[client % len(self.agencies)]]

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen in one window."""

    envelopes: int
    all_envelopes: int
    seconds: float
    server_cpu_seconds: float
    load_cpu_seconds: float
    p50_us: float
    p99_us: float
    fsyncs: int | None

    def __str__(self) -> str:
        limit = ", and was the limit" if self.load_share > BUSY_SHARE else ""
        counted = "" if self.fsyncs is None else f", {self.fsyncs} fsyncs"
        return (
            f"{self.rate:,.0f} envelopes/s, {self.server_cpu_us:,.0f} us of CPU each, "
            f"p50 {self.p50_us:,.0f} us{counted};"
            f" the load used {self.load_share:.0%} of a core{limit}"
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @property
    def rate(self) -> float:
        """Envelopes a second."""
        return self.envelopes / self.seconds

    @property
    def server_cpu_us(self) -> float:
        """Microseconds of the server's CPU for each envelope."""
        return self.server_cpu_seconds * 1e6 / self.envelopes

    @property
    def load_share(self) -> float:
        """How much of one core the load itself used."""
        return self.load_cpu_seconds / self.seconds


def percentile(ordered: Sequence[float], share: float) -> float:
    """Give the value below which a share of sorted values lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
