"""By how much a tier of a ladder is released after it is due, p99, while many ladders run.

Five hundred ladders of four tiers, for 50 devices that are connected; a tier counts when its
device's socket has received it.
"""

from bench.claim import Claim
from bench.releases import Releases

OURS = Releases()

CLAIM = Claim(
    name="alert-release",
    title="tiers of 500 ladders received, counted from when each is due, p99",
    unit="ms",
    needs=(OURS,),
    value=lambda seen: seen[OURS].p99_ms,
    floor=1_000,
    goal=100,
    lower_is_better=True,
)
