"""How long a relay takes to be ready, and a program until it has the SDK.

`import quietway` loads next to nothing, because names are loaded when they are first used; so the
time until `Client` is there stands beside it, held to the same goal.
"""

from bench.claim import Claim
from bench.starting import Imported, StartedRelay

STARTED = StartedRelay()
PACKAGE = Imported("import quietway")
CLIENT = Imported("from quietway import Client")

RELAY = Claim(
    name="start-relay",
    title="from the start of the relay to its ready line",
    unit="s",
    needs=(STARTED,),
    value=lambda seen: seen[STARTED].seconds,
    floor=None,
    goal=1.5,
    lower_is_better=True,
)
IMPORT = Claim(
    name="import-quietway",
    title="import quietway",
    unit="ms",
    needs=(PACKAGE,),
    value=lambda seen: seen[PACKAGE],
    floor=None,
    goal=200,
    lower_is_better=True,
)
IMPORT_CLIENT = Claim(
    name="import-client",
    title="from quietway import Client",
    unit="ms",
    needs=(CLIENT,),
    value=lambda seen: seen[CLIENT],
    floor=None,
    goal=200,
    lower_is_better=True,
)
