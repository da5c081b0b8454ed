"""How long it takes until a claim, from its call on, is told to the program of who raised it."""

from bench.claim import Claim
from bench.claiming import Claiming

OURS = Claiming()

CLAIM = Claim(
    name="alert-claim",
    title="claim() to the sender's handler, hybrid suite, idle relay, p50",
    unit="ms",
    needs=(OURS,),
    value=lambda seen: seen[OURS].p50_ms,
    floor=300,
    goal=100,
    lower_is_better=True,
)
