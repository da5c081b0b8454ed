"""Durable envelopes a second, one record a frame on 64 websockets, beside JetStream `always`.

Both accept after an fsync, and both clients wait for each answer before the next message.
"""

from bench.claim import Claim
from bench.windows import Window

OURS = Window("relay", "websocket")
PEER = Window("always", "nats")

CLAIM = Claim(
    name="websocket-single",
    title="durable envelopes, single frames on websockets / JetStream sync always",
    unit="envelopes/s",
    needs=(OURS, PEER),
    value=lambda seen: seen[OURS].rate,
    peer=lambda seen: seen[PEER].rate,
    floor=4,
    goal=8,
)
