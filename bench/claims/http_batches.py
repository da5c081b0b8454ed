"""Durable envelopes a second, 20 recipients a request on 64 connections, beside JetStream `always`.

The peer is the same as for batches on websockets.
"""

from bench.claim import Claim
from bench.windows import BATCH, Window

OURS = Window("relay", "http", batch=BATCH)
PEER = Window("always", "nats", batch=BATCH)

CLAIM = Claim(
    name="http-batches",
    title="durable envelopes, batches of 20 by request / JetStream sync always",
    unit="envelopes/s",
    needs=(OURS, PEER),
    value=lambda seen: seen[OURS].rate,
    peer=lambda seen: seen[PEER].rate,
    floor=3,
    goal=6,
)
