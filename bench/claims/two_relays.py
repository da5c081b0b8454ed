"""Durable envelopes a second of two relays on one PostgreSQL, beside JetStream `always`.

One record a frame on 64 websockets, half of them at each relay. Both peers accept after an fsync,
and all clients wait for each answer before the next message.
"""

from bench.claim import Claim
from bench.cluster import TwoRelays
from bench.windows import Window

OURS = TwoRelays()
PEER = Window("always", "nats")

CLAIM = Claim(
    name="two-relays",
    title="durable envelopes, two relays on PostgreSQL / JetStream sync always",
    unit="envelopes/s",
    needs=(OURS, PEER),
    value=lambda seen: seen[OURS],
    peer=lambda seen: seen[PEER].rate,
    floor=3,
    goal=6,
)
