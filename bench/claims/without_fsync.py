"""Durable envelopes a second beside a JetStream that accepts before anything is on the disk.

Its default syncs every two minutes: a power cut takes what it had acknowledged. Ours accepts after
the fsync, here too.
"""

from bench.claim import Claim
from bench.windows import Window

OURS = Window("relay", "websocket")
PEER = Window("default", "nats")

CLAIM = Claim(
    name="without-fsync",
    title="durable envelopes, single frames on websockets / JetStream without fsync",
    unit="envelopes/s",
    needs=(OURS, PEER),
    value=lambda seen: seen[OURS].rate,
    peer=lambda seen: seen[PEER].rate,
    floor=0.5,
    goal=1,
)
