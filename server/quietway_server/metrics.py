"""What an operator may know of a running relay: counts, and nothing that names anybody.

Rules: every metric stands in `METRICS`. It has no label, or one whose every value stands there too,
so that no agency, device, mailbox or address can become part of a name. Whoever counts says a
metric and a number; any other name or value is a bug and raises. The registry is private: nothing
that a library counts by itself is shown. This is the one door to the library that counts.

Spec: docs/reference/operating.md, "Metrics".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from quietway_schemas.problems import PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Collection

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PREFIX: Final = "quietway_"
_COMMIT_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LATE_SECONDS: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 3600.0)
LOOPS: Final = ("canaries", "holds", "removals", "sweeper", "wakes")
"""The background loops, by the name under which each shows that it lives."""
CHANNELS: Final = ("email", "webhook")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: Its name, without the prefix.
        kind: `counter`, `gauge` or `histogram`.
        meaning: What it says, with its unit.
        label: The name of its one label; empty where it has none.
        values: Every value that the label may have.
        buckets: Of a histogram: the upper bounds, in its unit.
    """

    name: str
    kind: str
    meaning: str
    label: str = ""
    values: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def shown(self) -> str:
        """The name as it is exported."""
        return f"{PREFIX}{self.name}" + ("_total" if self.kind == "counter" else "")


METRICS: Final = (
    Metric("envelopes_accepted", "counter", "Envelopes that were stored durably."),
    Metric("refusals", "counter", "Refused requests and batches.", "problem", tuple(PROBLEMS)),
    Metric("commit_seconds", "histogram", "A group's commit, in seconds.", buckets=_COMMIT_SECONDS),
    Metric("ladders_accepted", "counter", "Ladders of holds that were stored durably."),
    Metric("holds_released", "counter", "Tiers that were released because their time had come."),
    Metric(
        "release_late_seconds",
        "histogram",
        "How long after its time a tier was released, in seconds.",
        buckets=_LATE_SECONDS,
    ),
    Metric("holds_claimed", "counter", "Ladders that ended with a valid claim."),
    Metric("holds_overdue", "gauge", "Tiers whose time has come and that are not released."),
    Metric("escalator_late_seconds", "gauge", "How long the oldest of these has been due."),
    Metric("wakes_sent", "counter", "Wake-ups that a provider took.", "channel", CHANNELS),
    Metric("wakes_failed", "counter", "Attempts that failed.", "channel", CHANNELS),
    Metric("wakes_waiting", "gauge", "Wake-ups that are due and not sent."),
    Metric("canaries_silent", "gauge", "Canary endpoints whose wake-ups do not come back."),
    # Its values are the events of `quietway_server.log`, which names them here.
    Metric("events", "counter", "Lines of the log, by event.", "event"),
    Metric("queue_jobs", "gauge", "Writes that wait for the writing thread."),
    Metric("queue_bytes", "gauge", "What these hold in memory, in bytes."),
    Metric("requests", "gauge", "Requests that are worked on."),
    Metric("sockets", "gauge", "Open sockets.", "kind", ("mailbox", "submit")),
    Metric("waiting_envelopes", "gauge", "Envelopes that wait to be fetched."),
    Metric("fullest_mailbox", "gauge", "The most envelopes that wait in one mailbox."),
    Metric(
        "file_bytes", "gauge", "The size of a file.", "file", ("database", "wal", "shm", "reserve")
    ),
    Metric("disk_free_bytes", "gauge", "What the database's disk has free for this user."),
    Metric("log_leaves", "gauge", "Leaves of the transparency log."),
    Metric("clock_high_water_seconds", "gauge", "The latest time seen, in seconds since 1970."),
    Metric("clock_behind_seconds", "gauge", "How far the clock stands before the latest time."),
    Metric(
        "heartbeat_age_seconds", "gauge", "Since a loop last showed that it lives.", "loop", LOOPS
    ),
    Metric("ready", "gauge", "1 where the relay is ready, 0 where a part of it is not."),
    Metric("open_files", "gauge", "Files and sockets that the process holds open."),
    Metric("most_open_files", "gauge", "How many it may hold open."),
    Metric("memory_bytes", "gauge", "What the process holds in memory."),
    Metric("started_seconds", "gauge", "When the relay was ready, in seconds since 1970."),
)
_BY_NAME: Final = {metric.name: metric for metric in METRICS}
_REGISTRY: Final = CollectorRegistry()
_Collector: TypeAlias = "Counter | Gauge | Histogram"


def count(name: str, more: int = 1, *, label: str = "") -> None:
    """Add to a counter, from any thread.

    Args:
        name: A counter of `METRICS`.
        more: How many.
        label: The value of its label, where it has one.

    Raises:
        ValueError: There is no such counter, or its label has no such value.
    """
    _find(name, "counter", label).inc(more)


def measure(name: str, value: float, *, label: str = "") -> None:
    """Set a gauge, from any thread.

    Args:
        name: A gauge of `METRICS`.
        value: What it shows from now on.
        label: The value of its label, where it has one.

    Raises:
        ValueError: There is no such gauge, or its label has no such value.
    """
    _find(name, "gauge", label).set(value)


def observe(name: str, value: float) -> None:
    """Add one observation to a histogram, from any thread.

    Args:
        name: A histogram of `METRICS`.
        value: What was seen, in its unit.

    Raises:
        ValueError: There is no such histogram.
    """
    _find(name, "histogram", "").observe(value)


def name_values(name: str, values: Collection[str]) -> None:
    """Say which values the label of a metric may have, where another room keeps their list."""
    for value in sorted(values):
        _CHILDREN[name, value] = _MADE[name].labels(value)


def render_metrics() -> bytes:
    """Write everything down in the text form that Prometheus reads (`MEDIA_TYPE`)."""
    return prometheus_client.generate_latest(_REGISTRY)


def render_reference() -> str:
    """Write the table of docs/reference/operating.md."""
    lines = ["| metric | kind | meaning |", "|---|---|---|"]
    for metric in METRICS:
        values = f": {', '.join(f'`{value}`' for value in metric.values)}"
        # The codes of problems have a page of their own.
        listed = values if metric.values and metric.label != "problem" else ""
        label = f" By `{metric.label}`{listed}." if metric.label else ""
        lines.append(f"| `{metric.shown}` | {metric.kind} | {metric.meaning}{label} |")
    return "\n".join(lines) + "\n"


def _make(metric: Metric) -> _Collector:
    labels = (metric.label,) if metric.label else ()
    name = PREFIX + metric.name
    if metric.kind == "counter":
        return Counter(name, metric.meaning, labels, registry=_REGISTRY)
    if metric.kind == "gauge":
        return Gauge(name, metric.meaning, labels, registry=_REGISTRY)
    return Histogram(name, metric.meaning, registry=_REGISTRY, buckets=metric.buckets)


def _find(name: str, kind: str, label: str) -> Any:  # the kinds have no verb in common
    if (name, label) not in _CHILDREN or _BY_NAME[name].kind != kind:
        raise ValueError("This metric, or the value of its label, is not on the list.")
    return _CHILDREN[name, label]


# When a counter began says when the relay did, which one gauge says already.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # theirs
_MADE: Final = {metric.name: _make(metric) for metric in METRICS}
_CHILDREN: Final[dict[tuple[str, str], Any]] = {
    (metric.name, value): _MADE[metric.name].labels(value) if metric.label else _MADE[metric.name]
    for metric in METRICS
    for value in (metric.values if metric.label else ("",))
}
