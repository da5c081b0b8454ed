"""What must hold in every state of the world of ladders, said without the code that it judges.

    I1  accepted: each place is delivered in the end, once, unless its device was removed
    I2  nothing is delivered twice, whoever races, dies or repeats
    I3  no tier is passed over, and each look releases all that either clock calls due
    I4  no tier, and no wake-up of one, before a clock says so, a claim, or an emptied tier below
    I5  only a claim with a living secret makes a release quiet; it comes first, then all the rest
    I6  a wrong, a removed and a repeated word change nothing
    I7  a ladder is forgotten when its life is over, and not before
    I8  a removed device is reached by nothing that comes after

Spec: docs/spec/holds.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.ladders.world import FAR, NONE, UNIT, Ladders, Plan, Word, World

from quietway_server.core import holds

if TYPE_CHECKING:
    from collections.abc import Sequence

ONCE: Final = 1
_LIFE: Final = holds.LIFE_MS // UNIT


class BrokenRuleError(AssertionError):
    """A rule does not hold. `rule` is its name; `path` is how the world came there."""

    def __init__(self, rule: str, why: str) -> None:
        super().__init__(f"{rule}: {why}")
        self.rule = rule
        self.path: list[str] = []


def demand(truth: bool, rule: str, why: str) -> None:
    """Go on if it holds.

    Raises:
        BrokenRuleError: It does not.
    """
    if not truth:
        raise BrokenRuleError(rule, why)


def said(world: World, word: Word) -> int:
    """Give the most that a clock said of the ladder's age when a look or a claim was made."""
    wall = {"look": 1, "claim": 2}.get(str(word[0]))
    return world.minute if wall is None else max(world.minute, int(word[wall]))


def names(mailboxes: frozenset[bytes]) -> frozenset[str]:
    """Name the devices that read in these mailboxes."""
    return frozenset(mailbox.decode() for mailbox in mailboxes)


class Judge:
    """Judges words that changed nothing, commits, and what is left in the database."""

    def __init__(self, plan: Plan, ladders: Ladders) -> None:
        self._plan = plan
        self._ladders = ladders
        self._places = [(n, d) for n, devices in enumerate(plan.tiers) for d in devices]
        self._bit = {place: 2 * at for at, place in enumerate(self._places)}
        self._claim_bit = {secret: 2 * at for at, secret in enumerate(plan.secrets)}
        self._settled: set[tuple[int, int, int]] = set()

    def gone(self, removed: int) -> frozenset[str]:
        """Name the devices that were removed."""
        sets = (devices for n, devices in enumerate(self._plan.removals) if removed >> n & 1)
        return frozenset("".join(sets))

    def stillness(self, world: World, word: Word, refusal: str | None) -> None:
        """Judge a word that changed nothing."""
        gone = self.gone(world.removed)
        match word:
            case ("place", "other"):
                demand(refusal == "conflict", "I6", "other bytes under a ladder's id")
            case ("place", _):
                demand(refusal is None and world.was_placed, "I1", "a ladder is not taken")
            case ("claim", str(secret), *_):
                lives = self._lives(secret, gone)
                demand(refusal == (None if lives else "not_found"), "I6", f"claim by {secret}")
                known = world.claims >> self._claim_bit[secret] & 3
                demand(known == ONCE or not lives, "I5", f"the claim by {secret} is lost")
            case ("look", *_):
                self._punctual(world.ladder, word, gone)
            case ("remove", int(n)):
                demand(set(self._plan.removals[n]) <= gone, "I8", "a removal is not taken")

    def commit(
        self, world: World, word: Word, ladder: int, effects: Sequence[holds.Effect]
    ) -> tuple[int, int, int]:
        """Judge a commit that is about to be made; count what it delivers.

        Returns:
            `got`, `claims` and `removed` after it.
        """
        before, removed = self.gone(world.removed), world.removed
        if word[0] == "remove":
            removed |= 1 << int(word[1])
        gone = self.gone(removed)
        self._taken(world, word, before)
        got, claims = world.got, world.claims
        for effect in effects:
            match effect:
                case holds.Release(tier, mailboxes):
                    self._allowed(world, word, effect, gone)
                    got += sum(1 << self._bit[tier, mailbox.decode()] for mailbox in mailboxes)
                case holds.DeliverClaim(key, mailboxes):
                    demand(not names(mailboxes) & gone, "I8", "a claim reaches a removed device")
                    claims += 1 << self._claim_bit[key.decode()]
                case holds.Forget():
                    demand(said(world, word) >= _LIFE, "I7", "forgotten before its time")
                case holds.DropPlaces(mailboxes):
                    demand(names(mailboxes) <= gone, "I1", "a place was dropped")
        if word[0] == "claim":
            first = effects[:1] == (self._delivery(str(word[1]), gone),)
            demand(first, "I5", "the claim does not come first, to all who are left")
        self._came_to(ladder, word, before, gone)
        self._settle(ladder, got, removed)
        demand(all(claims >> bit & 3 <= ONCE for bit in self._claim_bit.values()), "I2", "a claim")
        return got, claims, removed

    def _taken(self, world: World, word: Word, gone: frozenset[str]) -> None:
        """I2, I6: should this word have changed anything?"""
        if word[0] == "place":
            demand(not world.was_placed, "I2", "a ladder is taken again")
        if word[0] == "claim":
            demand(self._lives(str(word[1]), gone), "I6", f"a claim by {word[1]} was taken")

    def _came_to(
        self, ladder: int, word: Word, before: frozenset[str], gone: frozenset[str]
    ) -> None:
        """I3, I5, I7: is the ladder where it should be now?"""
        if word[0] == "look":
            self._punctual(ladder, word, gone)
            is_over = max(int(word[1]), int(word[3])) >= _LIFE
            demand(ladder == NONE or not is_over, "I7", "a ladder lives on")
        if word[0] == "remove":
            self._moved_on(ladder, before, gone)
        if word[0] == "claim":
            state = self._ladders.states[ladder]
            is_out = state is not None and not state.is_running
            demand(is_out, "I5", "a claim leaves something held")

    def _lives(self, secret: str, gone: frozenset[str]) -> bool:
        return secret != "?" and secret not in gone

    def _delivery(self, secret: str, gone: frozenset[str]) -> holds.DeliverClaim:
        left = frozenset("".join(self._plan.tiers)) - gone
        return holds.DeliverClaim(secret.encode(), frozenset(d.encode() for d in left))

    def _allowed(
        self, world: World, word: Word, effect: holds.Release, gone: frozenset[str]
    ) -> None:
        """I4, I5, I8: is this release in order?"""
        n, wake = effect.tier, effect.wake_in_ms // UNIT
        due = self._plan.dues[n]
        demand(not names(effect.mailboxes) & gone, "I8", f"tier {n} reaches a removed device")
        if word[0] == "claim":
            demand(due - said(world, word) <= wake, "I4", f"tier {n} is woken early by a claim")
            demand(
                wake <= max(0, due - max(int(word[2]), int(word[3]))),
                "I1",
                f"a claim puts off waking tier {n}",
            )
            return
        demand(wake == 0, "I5", f"tier {n} is quiet without a claim")
        if word[0] == "remove":
            follows = n in self._following(self.gone(world.removed), gone)
            demand(follows, "I4", f"tier {n} is released, and none below it was emptied")
        else:
            demand(due <= said(world, word), "I4", f"tier {n} is released early")

    def _following(self, before: frozenset[str], gone: frozenset[str]) -> set[int]:
        """Number the tiers that are next after one that was emptied just now."""
        left = [set(devices) - gone for devices in self._plan.tiers]
        emptied = [n for n, devices in enumerate(self._plan.tiers) if set(devices) - before]
        numbers = range(len(left))
        following = (
            next((m for m in numbers[n + 1 :] if left[m]), None) for n in emptied if not left[n]
        )
        return {n for n in following if n is not None}

    def _punctual(self, ladder: int, word: Word, gone: frozenset[str]) -> None:
        """I3: after a look, what either clock calls due is released, and the age is kept."""
        state, (_, wall, elapsed, sure) = self._ladders.states[ladder], word
        if state is None or not state.is_running:
            return
        age = max(int(wall), int(sure))
        for n, due in enumerate(self._plan.dues):
            left = set(self._plan.tiers[n]) - gone
            late = left and due <= age and not state.tiers[n].is_released
            demand(not late, "I3", f"tier {n} is held at {age}")
        demand(int(elapsed) - state.age_ms // UNIT < 1, "I3", "an age would be lost by a crash")

    def _moved_on(self, ladder: int, before: frozenset[str], gone: frozenset[str]) -> None:
        """I3: where a removal emptied a tier, the next with anybody on it is released."""
        state = self._ladders.states[ladder]
        for n in self._following(before, gone):
            moved = state is not None and state.tiers[n].is_released
            demand(moved, "I3", f"a tier is empty, and tier {n}, the next, is held")

    def _settle(self, ladder: int, got: int, removed: int) -> None:
        """I1, I2: with one look much later, every place was delivered, and once."""
        if (ladder, got, removed) in self._settled:
            return
        self._settled.add((ladder, got, removed))
        result = self._ladders.step(ladder, ("look", FAR, FAR, FAR))
        in_the_end = got
        if not isinstance(result, str):
            for effect in result[1]:
                for mailbox in effect.mailboxes if isinstance(effect, holds.Release) else ():
                    in_the_end += 1 << self._bit[effect.tier, mailbox.decode()]
        gone = self.gone(removed)
        for place, bit in self._bit.items():
            count = in_the_end >> bit & 3
            demand(count <= ONCE, "I2", f"place {place} is delivered again")
            demand(count == ONCE or place[1] in gone, "I1", f"place {place} never hears")
