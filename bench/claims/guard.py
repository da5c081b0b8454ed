"""How long the guard takes for a note, and for 100 KB of the texts that cost it most."""

from bench.claim import Claim
from bench.guard_reading import GuardReading

READING = GuardReading()

NOTE = Claim(
    name="guard",
    title="a note of 1,000 characters read by every rule, with 2,000 denied names",
    unit="ms",
    needs=(READING,),
    value=lambda seen: seen[READING].note,
    floor=5,
    goal=2,
    lower_is_better=True,
)
LONG = Claim(
    name="guard-long",
    title="100 KB of one piece over and over, the slowest of ten",
    unit="ms",
    needs=(READING,),
    value=lambda seen: seen[READING].long,
    floor=1_000,
    goal=500,
    lower_is_better=True,
)
