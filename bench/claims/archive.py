"""A device with 10,000 cases and 200,000 messages: how long a person waits, and what it weighs."""

from bench.archive import Archive, Waited
from bench.claim import Claim, Seen

YEAR = Archive()


def _claim(name: str, title: str, unit: str, figure: str, bound: float, factor: float) -> Claim:
    def value(seen: Seen) -> float:
        waited: Waited = seen[YEAR]
        return float(getattr(waited, figure)) * factor

    return Claim(
        name=name,
        title=title,
        unit=unit,
        needs=(YEAR,),
        value=value,
        floor=bound,
        goal=bound,
        lower_is_better=True,
    )


CLAIMS = (
    _claim("archive-board", "10,000 cases: the board", "ms", "board", 300, 1_000),
    _claim("archive-queue", "10,000 cases: the open referrals", "ms", "queue", 300, 1_000),
    _claim(
        "archive-search", "10,000 cases: a referral by its reference", "ms", "search", 50, 1_000
    ),
    _claim("archive-due", "10,000 cases: what is due", "ms", "due", 300, 1_000),
    _claim("archive-sync", "10,000 cases: a day's 2,000 messages", "s", "sync", 20, 1),
    _claim("archive-memory", "10,000 cases: resident memory", "MiB", "resident_mib", 400, 1),
)
