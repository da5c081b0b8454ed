"""Durable envelopes a second, 20 recipients a frame on 64 websockets, beside JetStream `always`.

A NATS client with 20 recipients publishes 20 times without waiting in between, then waits for the
20 acknowledgements.
"""

from bench.claim import Claim
from bench.windows import BATCH, Window

OURS = Window("relay", "websocket", batch=BATCH)
PEER = Window("always", "nats", batch=BATCH)

CLAIM = Claim(
    name="websocket-batches",
    title="durable envelopes, batches of 20 on websockets / JetStream sync always",
    unit="envelopes/s",
    needs=(OURS, PEER),
    value=lambda seen: seen[OURS].rate,
    peer=lambda seen: seen[PEER].rate,
    floor=8,
    goal=15,
)
