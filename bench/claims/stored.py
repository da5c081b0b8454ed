"""Whether a relay that holds 100,000 envelopes accepts as quickly as one that holds 1,000.

One client on one websocket asks both in turn.
"""

from bench.claim import Claim
from bench.filling import Filling

OURS = Filling()

CLAIM = Claim(
    name="stored",
    title="accept latency with 100,000 stored / with 1,000",
    unit="us",
    needs=(OURS,),
    value=lambda seen: seen[OURS].many_p50_us,
    peer=lambda seen: seen[OURS].few_p50_us,
    floor=1.25,
    goal=1.05,
    lower_is_better=True,
)
