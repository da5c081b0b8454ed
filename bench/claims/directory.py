"""How a client copes with the directory of 200 agencies with 20 devices each.

The floors are the project's own: a newcomer waits at most a minute, and a day is not felt.
"""

from bench.claim import Claim
from bench.directory import ReadDirectory

READ = ReadDirectory()

FIRST = Claim(
    name="directory-first-sync",
    title="first synchronisation, 4,000 devices of 200 agencies",
    unit="s",
    needs=(READ,),
    value=lambda seen: seen[READ].first_seconds,
    floor=60,
    goal=30,
    lower_is_better=True,
)
DAY = Claim(
    name="directory-day",
    title="synchronising after each of 4,000 devices published its new day",
    unit="s",
    needs=(READ,),
    value=lambda seen: seen[READ].day_seconds,
    floor=2,
    goal=1.5,
    lower_is_better=True,
)
MEMORY = Claim(
    name="directory-memory",
    title="memory of a client that knows 4,000 devices",
    unit="MiB",
    needs=(READ,),
    value=lambda seen: seen[READ].resident_mib,
    floor=150,
    goal=130,
    lower_is_better=True,
)
