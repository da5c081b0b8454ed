"""How long the relay's transparency log takes, when it has 100,000 leaves."""

from bench.claim import Claim
from bench.proving import Proving

LONG = Proving()

APPEND = Claim(
    name="log-append",
    title="a leaf appended to a log of 100,000, with its commit",
    unit="ms",
    needs=(LONG,),
    value=lambda seen: seen[LONG].append,
    floor=2,
    goal=1,
    lower_is_better=True,
)
PROVE = Claim(
    name="log-prove",
    title="inclusion and consistency proved in a log of 100,000",
    unit="ms",
    needs=(LONG,),
    value=lambda seen: seen[LONG].prove,
    floor=5,
    goal=2,
    lower_is_better=True,
)
