"""How long one client waits until its envelope is durable, p50, beside JetStream `always`.

One client on one websocket, one record a frame, nothing else going on.
"""

from bench.claim import Claim
from bench.windows import Window

OURS = Window("relay", "websocket", clients=1)
PEER = Window("always", "nats", clients=1)

CLAIM = Claim(
    name="accept-latency",
    title="accept latency of one client, p50 / JetStream sync always",
    unit="us",
    needs=(OURS, PEER),
    value=lambda seen: seen[OURS].p50_us,
    peer=lambda seen: seen[PEER].p50_us,
    floor=1.6,
    goal=1.2,
    lower_is_better=True,
)
