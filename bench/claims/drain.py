"""CPU time of the relay to give out one envelope that waited, and to forget it when acknowledged.

50 devices that were offline come back at once, with about 400 envelopes waiting for each. They read
on their mailbox sockets and acknowledge 32 at a time, as the SDK does.
"""

from bench.claim import Claim
from bench.mailboxes import Reading

OURS = Reading(sockets=50, each=400)

CLAIM = Claim(
    name="drain",
    title="server CPU per envelope of drained mailboxes, acknowledgements included",
    unit="us",
    needs=(OURS,),
    value=lambda seen: seen[OURS].server_cpu_us,
    floor=40,
    goal=20,
    lower_is_better=True,
)
