"""How long until the last of 20 devices has an alarm, p99, while much else goes on.

Others send 2,000 envelopes a second through the same relay, and 1,000 more devices are connected.
The alarm is one batch on a lane of kind crisis, and complete when 20 sockets have received it.
"""

from bench.alarms import Alarms
from bench.claim import Claim

OURS = Alarms()

CLAIM = Claim(
    name="alarm",
    title="crisis 1 -> 20 devices complete, 2,000/s of others, 1,000 idle sockets, p99",
    unit="ms",
    needs=(OURS,),
    value=lambda seen: seen[OURS].p99_ms,
    floor=50,
    goal=25,
    lower_is_better=True,
)
