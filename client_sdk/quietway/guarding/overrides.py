"""What the guard refused here lately, and what a person began to override.

A refusal is known again by a keyed hash of its texts, of which nothing can be guessed: the key is
drawn for each and stays in this process. So an override is of exactly the texts that were refused,
in that type of content, and ends with the process or after an hour.

Spec: docs/spec/guard.md, "Overrides".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields
from quietway.errors import ContentRefused
from quietway.guard.deciding import Overriding
from quietway.guard.lists import NO_LISTS, Lists
from quietway.own.proposals import find_certificate
from quietway_crypto.encoding import TAG_GUARD_OVERRIDE
from quietway_crypto.kdf import hmac_tagged
from quietway_schemas.canonical import encode_canonical
from quietway_schemas.ids import DeviceId
from quietway_schemas.instants import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.guard.deciding import Decision, TextFinding
    from quietway.guard.fields import TextField
    from quietway.own.guard_entries import Entry
    from quietway.ports import Entropy
    from quietway_schemas.instants import Instant

OVERRIDE_CONFIRMED: Final = "override_confirmed"
"""A colleague's word, by the digest that it is about."""
OVERRIDE_LASTS_MS: Final = HOUR
_MOST_REFUSED: Final = 32
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Words:
    """All the texts of a content, and its type.

    Attributes:
        kind: The content's type.
        texts: Each with its place.
    """

    kind: str
    texts: tuple[TextField, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A content that the guard refused.

    Attributes:
        digest: The keyed hash of its texts, 32 bytes.
        key: Of that hash.
        kind: The content's type.
        decision: What stood in the way.
        crisis: Whether it is of the crisis tier.
        overriding: What a person gave for it since, or None.
        is_new: Whether it was not refused before.

    What stands in the way may change while the texts stay the same: with the lists, the channel and
    the urgency.
    """

    digest: bytes
    key: bytes = field(repr=False)
    kind: str
    decision: Decision
    crisis: bool
    overriding: Overriding | None = None
    is_new: bool = True

    def covers(self, stands: Iterable[TextFinding], *, crisis: bool) -> bool:
        """Say whether all of this stood in the way when it was refused, and it was as urgent."""
        return set(stands) <= set(self.decision.stands) and (self.crisis or not crisis)


class Guarding:
    """What one process knows of refusals, newest last, and the agency's lists.

    Attributes:
        lists: What the agency allows, and what it never lets pass.
        entries: The entries of these lists, by the hash of each phrase; see `own.guard_entries`.
        counting: Held while a count is read and written.
    """

    def __init__(self, entropy: Entropy) -> None:
        self.lists: Lists = NO_LISTS
        self.entries: dict[bytes, Entry] = {}
        self.counting = asyncio.Lock()
        self._entropy = entropy
        self._refused: dict[bytes, Refused] = {}

    def refuse(self, words: Words, decision: Decision, *, crisis: bool) -> Refused:
        """Remember a refusal, and give it; the same texts have the same one.

        A reason that was given before something else stood in the way is let go of.
        """
        before = self.find(words)
        if before is None:
            key = self._entropy.draw(_KEY_BYTES)
            refused = Refused(_digest(words, key), key, words.kind, decision, crisis)
        else:
            counts = before.covers(decision.stands, crisis=crisis)
            given = before.overriding if counts else None
            refused = replace(
                before, decision=decision, crisis=crisis, overriding=given, is_new=False
            )
        self._refused[refused.digest] = refused
        while len(self._refused) > _MOST_REFUSED:
            self._refused.pop(next(iter(self._refused)))
        return refused

    def find(self, words: Words) -> Refused | None:
        """Find the refusal of these texts."""
        for held in self._refused.values():
            if held.kind == words.kind and _digest(words, held.key) == held.digest:
                return held
        return None

    def begin(self, digest: bytes, reason: str, now: Instant) -> Refused:
        """Note that a person wants a refused content to go, and why.

        Raises:
            ContentRefused: Nothing of that digest was refused lately, or it has no override.
        """
        refused = self._refused.get(digest)
        if refused is None:
            raise ContentRefused("refusal", "is too old or of another run: send it again first.")
        if refused.decision.needs == "other_words":
            raise ContentRefused("refusal", "has no override: write it in other words.")
        begun = replace(refused, overriding=Overriding(reason, now))
        self._refused[digest] = begun
        return begun

    def find_begun(self, digest: bytes) -> Overriding | None:
        """Find the override of that digest, where it was begun here."""
        held = self._refused.get(digest)
        return None if held is None else held.overriding


async def find_overriding(
    agent: Agent, words: Words, stands: Iterable[TextFinding], *, crisis: bool
) -> Overriding | None:
    """Give what a person said about exactly these texts, with the second person's device.

    Args:
        agent: Of this device.
        words: The texts.
        stands: What stands in their way now; what was not refused then, nobody gave a reason for.
        crisis: Whether they are of the crisis tier now.
    """
    refused = agent.guarding.find(words)
    if refused is None or refused.overriding is None or not refused.covers(stands, crisis=crisis):
        return None
    begun = refused.overriding.begun
    if not 0 <= agent.clock.now() - begun < OVERRIDE_LASTS_MS:
        return None
    return replace(refused.overriding, second=await find_second(agent, refused.digest, begun))


async def find_second(agent: Agent, digest: bytes, begun: Instant) -> DeviceId | None:
    """Find the device of a colleague that confirmed a digest, and is certified now.

    A word about an override that was begun before, of the same texts, is none about this one.
    """
    row = await agent.store.read(OVERRIDE_CONFIRMED, digest)
    if row is None or Fields(row).number("begun") != begun:
        return None
    device = DeviceId.from_text(Fields(row).text("device"))
    is_another = device != agent.keyring.device
    return device if is_another and find_certificate(agent, device) is not None else None


def _digest(words: Words, key: bytes) -> bytes:
    texts = {held.path: held.text for held in words.texts}
    return hmac_tagged(key, TAG_GUARD_OVERRIDE, encode_canonical({words.kind: texts}))
