"""How long unlocking a keyring takes at the default parameters, beside Argon2id alone.

Once as it is when an agency is founded, and once with the record keys that a busy year leaves.
"""

from bench.claim import Claim
from bench.unlocking import Unlocking

EMPTY, FULL = Unlocking(), Unlocking(record_keys=500)

NEW = Claim(
    name="unlock",
    title="unlocking a keyring, default parameters / Argon2id alone",
    unit="ms",
    needs=(EMPTY,),
    value=lambda seen: seen[EMPTY].unlock,
    peer=lambda seen: seen[EMPTY].argon2,
    floor=1.25,
    goal=1.05,
    lower_is_better=True,
)
BUSY = Claim(
    name="unlock-500",
    title="unlocking a keyring with 500 record keys, default parameters / Argon2id alone",
    unit="ms",
    needs=(FULL,),
    value=lambda seen: seen[FULL].unlock,
    peer=lambda seen: seen[FULL].argon2,
    floor=1.25,
    goal=1.1,
    lower_is_better=True,
)
