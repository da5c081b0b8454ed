"""CPU time of the server for each envelope, single frames on 64 websockets, beside JetStream."""

from bench.claim import Claim
from bench.windows import Window

OURS = Window("relay", "websocket")
PEER = Window("always", "nats")

CLAIM = Claim(
    name="cpu-per-envelope",
    title="server CPU per envelope, single frames on websockets / JetStream sync always",
    unit="us",
    needs=(OURS, PEER),
    value=lambda seen: seen[OURS].server_cpu_us,
    peer=lambda seen: seen[PEER].server_cpu_us,
    floor=0.5,
    goal=0.3,
    lower_is_better=True,
)
