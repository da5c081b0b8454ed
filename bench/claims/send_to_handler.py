"""How long a message takes from one program to the other, through two SDKs and an idle relay."""

from bench.claim import Claim
from bench.delivery import Delivery

OURS = Delivery()

MIDDLE = Claim(
    name="send-to-handler-p50",
    title="send() to handler, hybrid suite, idle relay, p50",
    unit="ms",
    needs=(OURS,),
    value=lambda seen: seen[OURS].p50_ms,
    floor=15,
    goal=8,
    lower_is_better=True,
)
LATE = Claim(
    name="send-to-handler-p99",
    title="send() to handler, hybrid suite, idle relay, p99",
    unit="ms",
    needs=(OURS,),
    value=lambda seen: seen[OURS].p99_ms,
    floor=40,
    goal=25,
    lower_is_better=True,
)
