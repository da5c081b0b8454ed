"""How often the relay forces the disk for each envelope, single frames on 64 websockets.

Counted inside the relay's process, so it is exact, and the window is an ordinary one.
"""

from bench.claim import Claim
from bench.windows import Window

OURS = Window("relay", "websocket", counts_fsyncs=True)

CLAIM = Claim(
    name="fsyncs-per-envelope",
    title="fsyncs per envelope, single frames on websockets",
    unit="fsyncs",
    needs=(OURS,),
    value=lambda seen: seen[OURS].fsyncs / seen[OURS].envelopes,
    floor=0.1,
    goal=0.03,
    lower_is_better=True,
)
