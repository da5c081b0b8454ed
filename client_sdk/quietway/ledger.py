"""The ledger: what stands now, of all cases, in memory; so that a board does not read the store.

It is filled at the first question, from the messages that bear the tag `STANDING` and from no
others, and follows each commit after that. What it holds is content: it is gone when the device is
locked, and a message leaves it with its key. Who folds case by case asks for `case_cards`: what was
folded is kept until something is recorded in that case.

Rules: nothing here decides what is true; the folds of `views` do. It may hold more than they need
(what is over is let go of at times), and never less. What a partner stopped sharing is
held and given to nobody, as `history` does. Nothing of a drill is in it.

Spec: docs/decisions/finding-by-tags.md.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Final, TypeVar, cast

from quietway.cases import CASE_ALIAS, read_alias
from quietway.engine.codec import AUDIENCE
from quietway.exercises import is_exercise
from quietway.history import is_held_back, parse_rows, show_said
from quietway.ports import Delete, Put, Row, Tag, Untag
from quietway.records import MESSAGE
from quietway.standing import STANDING, VALUES, case_of, find_over, referral_of, stands
from quietway.store.shelves import own_conversation, own_referral

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from quietway.agent import Agent
    from quietway.events import SenderStanding
    from quietway.ports import Write
    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId, CaseRef, DeviceId, ReferralRef

_Card = TypeVar("_Card")
_Subject = TypeVar("_Subject", bound="Hashable")
Messages = tuple["StoredMessage", ...]
_SHOWN_BY: Final = frozenset({AUDIENCE, CASE_ALIAS})
"""Rows that say for whom a message is, or which case it speaks of."""
_PAGE: Final = 1_000
_LEAST_OVER: Final = 50
"""Grown by half and so many, the ledger looks for what is over."""


class Ledger:
    """What stands now. One for each agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._turn = asyncio.Lock()
        self._last: int | None = None
        self._held: dict[bytes, StoredMessage] = {}
        self._shown: dict[bytes, StoredMessage] = {}
        self._by_case: dict[CaseRef | None, dict[bytes, StoredMessage]] = defaultdict(dict)
        self._by_referral: dict[ReferralRef | None, dict[bytes, StoredMessage]] = defaultdict(dict)
        self._cards: dict[object, dict[object, object]] = defaultdict(dict)
        self._senders: dict[tuple[AgencyId, DeviceId], SenderStanding] = {}
        self._written: dict[bytes, bytes] = {}
        self._renamed: list[Put] = []
        self._listed: Messages | None = None
        self._held_back = 0
        self._full_at = 0

    def note(self, writes: Iterable[Write]) -> None:
        """Follow a commit, whatever is in it."""
        if self._last is None:
            return
        for write in writes:
            if isinstance(write, Put) and write.kind == MESSAGE:
                self._written[write.key] = write.value
            elif isinstance(write, Put) and write.kind in _SHOWN_BY:
                self._renamed.append(write)
            elif isinstance(write, Delete):
                self.forget([(write.kind, write.key)])

    def forget(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """Let go of what was erased."""
        for kind, key in rows:
            if kind == MESSAGE:
                self._written.pop(key, None)
                self._drop(key)

    async def standing(self) -> Messages:
        """List what stands, in the order of first writing."""
        await self._catch_up()
        self._follow_holds()
        if self._listed is None:
            self._listed = self._list(self._shown)
        return self._listed

    async def of_case(self, case: CaseRef) -> Messages:
        """List what stands and names a case, by one's own reference, in the same order."""
        await self._catch_up()
        return self._list(self._by_case.get(case, {}))

    async def of_referral(self, referral: ReferralRef) -> Messages:
        """List the packet and the answers of a referral that is open, in the same order."""
        await self._catch_up()
        return self._list(self._by_referral.get(referral, {}))

    async def case_cards(self, fold: Callable[[Messages], _Card]) -> Mapping[CaseRef | None, _Card]:
        """Fold what stands, case by case; only what changed since is folded anew.

        Args:
            fold: Makes a card of what stands in one case, in the order of first writing. Pure, and
                without a clock; the same function each time, or an equal one.

        Returns:
            A card for each case; under None one of what names no case.
        """
        await self._catch_up()
        return self._make_cards(fold, self._by_case)

    async def referral_cards(
        self, fold: Callable[[Messages], _Card]
    ) -> Mapping[ReferralRef | None, _Card]:
        """Fold what stands, referral by referral, in the same way."""
        await self._catch_up()
        return self._make_cards(fold, self._by_referral)

    async def _catch_up(self) -> None:
        """Take in what was committed since the last question."""
        async with self._turn:
            if self._last is None:
                await self._fill()
            written, self._written = self._written, {}
            if written:
                await self._take(written)
            self._show_anew()
            await self._let_go_of_much()

    async def _fill(self) -> None:
        store, self._last = self._agent.store, 0
        newest = await store.scan_back(MESSAGE, limit=1)
        self._last = newest[0].position if newest else 0
        after = 0
        left: set[ReferralRef | None] = set()
        # By pages: where a former version wrote all of it, most is over.
        while rows := await store.scan_tagged(MESSAGE, STANDING, after=after, limit=_PAGE):
            after = rows[-1].position
            for message in parse_rows(rows):
                self._hold(message)
                if referral_of(message) in left - {None}:
                    await self._fetch_former(message)
            left |= await self._let_go_of_much()
        await self._let_go()

    async def _let_go_of_much(self) -> set[ReferralRef | None]:
        return await self._let_go() if len(self._held) > self._full_at else set()

    async def _let_go(self) -> set[ReferralRef | None]:
        """Let go of what is over, in the store too; returns the referrals among it."""
        over = find_over(self._shown.values(), now=self._agent.clock.now())
        # In one commit: half a closed referral would stand as an open one.
        await self._agent.settle(also=[Untag(MESSAGE, key, STANDING) for key in sorted(over)])
        referrals = {referral_of(self._shown[key]) for key in over if key in self._shown}
        for key in over:
            self._drop(key)
        self._full_at = len(self._held) * 3 // 2 + _LEAST_OVER
        return referrals

    async def _take(self, written: Mapping[bytes, bytes]) -> None:
        known = [
            Row(held.position, key, value)
            for key, value in written.items()
            if (held := self._held.get(key)) is not None
        ]
        rows = list(known)
        if len(known) < len(written):
            new = await self._agent.store.scan(MESSAGE, after=self._last or 0)
            rows += [row for row in new if row.key not in self._held]
            self._last = max((row.position for row in new), default=self._last)
        for message in parse_rows(rows):
            if _stands_live(message):
                self._hold(message)
                await self._fetch_former(message)

    async def _fetch_former(self, message: StoredMessage) -> None:
        """Bring back what was let go of and counts again: a closed referral, a value's versions."""
        tag = self._find_former(message)
        if tag is None:
            return
        rows = await self._agent.store.scan_tagged(MESSAGE, tag)
        former = [
            held for held in parse_rows(rows) if held.key not in self._held and _stands_live(held)
        ]
        for held in former:
            self._hold(held)
        if former:
            tags = [Tag(MESSAGE, held.key, STANDING) for held in former]
            await self._agent.settle(also=tags)

    def _find_former(self, message: StoredMessage) -> bytes | None:
        """Name what has to be read again because of a message; None in the usual case."""
        referral = referral_of(message)
        if referral is not None and len(self._by_referral[referral]) <= 1:
            return own_referral(referral)
        shown = self._shown.get(message.key)
        if shown is None or shown.content.type not in VALUES:
            return None
        # It comes late: who named it may have been named since, and be gone from here.
        others = self._by_case[case_of(shown)].values()
        if all(
            held.said_at <= shown.said_at or held.content.type != shown.content.type
            for held in others
        ):
            return None
        return own_conversation(message.conversation)

    def _show_anew(self) -> None:
        renamed, self._renamed = self._renamed, []
        digests = {held.key for held in renamed if held.kind == AUDIENCE}
        rows = [read_alias(held.key, held.value) for held in renamed if held.kind == CASE_ALIAS]
        aliases = {called for _, _, *names in rows for called in names}
        find = self._agent.directory.sender_standing
        turned = {sender for sender, stood in self._senders.items() if find(*sender) != stood}
        keys = {key for alias in aliases for key in self._by_case.get(alias, ())}
        if digests or turned:
            keys |= {
                key
                for key, held in self._held.items()
                if held.audience_digest in digests or _sender_of(held) in turned
            }
        for message in [self._held[key] for key in keys]:
            if show_said(self._agent, message) != self._shown.get(message.key):
                self._hold(message)
        self._senders |= {sender: find(*sender) for sender in turned}

    def _hold(self, message: StoredMessage) -> None:
        self._drop(message.key)
        if is_exercise(message.content):
            return
        self._held[message.key] = message
        shown = show_said(self._agent, message)
        if shown is None:
            return
        sender = _sender_of(message)
        if sender is not None:
            self._senders[sender] = shown.sender_standing
        self._shown[message.key] = shown
        self._touch(shown)
        self._by_case[case_of(shown)][message.key] = shown
        self._by_referral[referral_of(shown)][message.key] = shown

    def _drop(self, key: bytes) -> None:
        self._held.pop(key, None)
        shown = self._shown.pop(key, None)
        if shown is not None:
            self._touch(shown)
            self._by_case[case_of(shown)].pop(key, None)
            self._by_referral[referral_of(shown)].pop(key, None)

    def _touch(self, shown: StoredMessage) -> None:
        self._listed = None
        for cards in self._cards.values():
            cards.pop(case_of(shown), None)
            cards.pop(referral_of(shown), None)

    def _make_cards(
        self,
        fold: Callable[[Messages], _Card],
        groups: Mapping[_Subject, Mapping[bytes, StoredMessage]],
    ) -> Mapping[_Subject, _Card]:
        self._follow_holds()
        cards = cast("dict[_Subject, _Card]", self._cards[fold])
        for subject, held in groups.items():
            if subject not in cards and (messages := self._list(held)):
                cards[subject] = fold(messages)
        return dict(cards)

    def _follow_holds(self) -> None:
        """Let go of what was made before something was held back, or shown again."""
        if self._held_back != self._agent.held_back.changes:
            self._held_back = self._agent.held_back.changes
            self._listed = None
            self._cards.clear()

    def _list(self, held: Mapping[bytes, StoredMessage]) -> Messages:
        ordered = sorted(held.values(), key=lambda message: message.position)
        return tuple(message for message in ordered if not is_held_back(self._agent, message))


def _stands_live(message: StoredMessage) -> bool:
    return stands(message.content.type) and not is_exercise(message.content)


def _sender_of(message: StoredMessage) -> tuple[AgencyId, DeviceId] | None:
    return None if message.device is None else (message.agency, message.device)
