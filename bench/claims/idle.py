"""What a relay weighs that has nothing to do, and what each idle mailbox socket adds to it.

Resident memory: of the relay half a second after its ready line, and its growth by 1,000 sockets
that were signed, greeted and welcomed.
"""

from bench.claim import Claim
from bench.mailboxes import Reading
from bench.starting import StartedRelay

SOCKETS = Reading(sockets=1_000, each=0)
RELAY = StartedRelay()

SOCKET = Claim(
    name="idle-socket",
    title="memory of the relay per idle mailbox socket",
    unit="KiB",
    needs=(SOCKETS,),
    value=lambda seen: seen[SOCKETS].socket_kib,
    floor=32,
    goal=20,
    lower_is_better=True,
)
ALONE = Claim(
    name="idle-relay",
    title="memory of an idle relay",
    unit="MiB",
    needs=(RELAY,),
    value=lambda seen: seen[RELAY].resident_mib,
    floor=100,
    goal=65,
    lower_is_better=True,
)
