"""`client.guard.lists`: what the agency always allows to be said, and the names that it never says.

Spec: docs/spec/guard.md, "Lists"; docs/reference/sdk.md, "The guard".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway.errors import ContentRefused, NotFound, StewardNeeded
from quietway.guard.inspecting import inspect
from quietway.guard.lists import DENIED as DENIED_RULE
from quietway.guard.lists import PRIVATE, Lists
from quietway.own.guard_entries import (
    ALLOWED,
    DENIED,
    KINDS,
    MOST_ENTRIES,
    MOST_PHRASE,
    STEWARD,
    counts,
    make_entry,
    name_phrase,
    refresh_lists,
    remember_entries,
)
from quietway.own.sharing import write_shared
from quietway.roles import my_roles

if TYPE_CHECKING:
    import builtins

    from quietway.agent import Agent
    from quietway.errors import QuietwayError
    from quietway.own.guard_entries import Entry, ListName
    from quietway_schemas.ids import DeviceId

_ACP_KIND: Final = "acp_address"
_OF_A_BOX: Final = ("postcode.", "street.box", "street.unit", "town.")
"""The rules that find something in a substitute address, which is a post office box."""
_BOX: Final = "street.box"
_LEAST_LETTERS: Final = 4


@dataclass(frozen=True, slots=True)
class ListedPhrase:
    """A phrase of one of the agency's lists.

    Attributes:
        phrase: What it is; never printed with the rest.
        kind: `acp_address`, `court`, `hotline` or `office`; in the list of denied names
            `employer`, `other`, `school` or `shelter`.
        version: How often it was put in or taken out.
        device: Who wrote it last.
        counts: Whether the guard goes by it: an allowed phrase only while that device is a data
            steward's.
    """

    phrase: str = field(repr=False)
    kind: str
    version: int
    device: DeviceId
    counts: bool


class AsyncGuardLists:
    """The agency's lists, which all of its devices hold alike, and nobody else."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        agent.errands.append(self._refresh)

    async def allow(self, phrase: str, kind: str) -> ListedPhrase:
        """Let a phrase of the agency's own be said: its office, its hotline, the court's line.

        Args:
            phrase: One line of at most 120 characters, in which the guard finds something.
            kind: `acp_address` (the box of an Address Confidentiality Program), `court`, `hotline`
                or `office`.

        Raises:
            StewardNeeded: This device is no data steward's.
            ContentRefused: It is no such phrase, or the list is full. Nothing was changed.
            StorageFull: Nothing was changed.
        """
        self._check_steward()
        said = _check_form(phrase, ALLOWED, kind)
        _check_allowed(said, kind)
        return await self._write(ALLOWED, said, kind, sign=True)

    async def deny(self, phrase: str, kind: str) -> ListedPhrase:
        """Never let a name be said: a shelter's, a school's, an employer's.

        Everybody at the agency may: it lets nothing be said.

        Args:
            phrase: The name as it is written: one line of at most 120 characters.
            kind: `employer`, `other`, `school` or `shelter`.

        Raises:
            ContentRefused: It is no such name, or the list is full. Nothing was changed.
            StorageFull: Nothing was changed.
        """
        said = _check_form(phrase, DENIED, kind)
        _check_denied(said)
        return await self._write(DENIED, said, kind, sign=self._is_steward())

    async def remove(self, list_name: ListName, phrase: str) -> None:
        """Take a phrase out of a list, `allowed` or `denied`; its words are erased everywhere.

        Raises:
            StewardNeeded: This device is no data steward's.
            NotFound: It does not stand in that list.
            StorageFull: Nothing was changed.
        """
        self._check_steward()
        key = name_phrase(list_name, phrase)
        held = self._agent.guarding.entries.get(key)
        if held is None or held.list != list_name or not held.phrase:
            raise NotFound("That phrase", "client.guard.lists.list")
        await self._keep(make_entry(self._agent, list_name, key, held.kind, "", sign=True))

    async def list(self, list_name: ListName) -> builtins.list[ListedPhrase]:
        """List the phrases of a list, `allowed` or `denied`, by kind.

        Raises:
            StewardNeeded: The denied names are shown on a data steward's device alone.
        """
        if list_name == DENIED:
            self._check_steward()
        held = self._agent.guarding.entries.values()
        entries = [entry for entry in held if entry.list == list_name and entry.phrase]
        return [self._show(entry) for entry in sorted(entries, key=_order)]

    async def _write(self, list_name: str, phrase: str, kind: str, *, sign: bool) -> ListedPhrase:
        key = name_phrase(list_name, phrase)
        standing = [
            entry
            for entry in self._agent.guarding.entries.values()
            if entry.list == list_name and entry.phrase and entry.key != key
        ]
        if len(standing) >= MOST_ENTRIES[list_name]:
            raise ContentRefused(
                "the list", f"holds {MOST_ENTRIES[list_name]} phrases: take one out first."
            )
        entry = make_entry(self._agent, list_name, key, kind, phrase, sign=sign)
        await self._keep(entry)
        return self._show(entry)

    async def _keep(self, entry: Entry) -> None:
        await write_shared(self._agent, entry.to_put())
        remember_entries(self._agent, [entry])

    async def _refresh(self) -> builtins.list[QuietwayError]:
        """Go by who is a data steward now: the directory may have changed."""
        refresh_lists(self._agent)
        return []

    def _show(self, entry: Entry) -> ListedPhrase:
        going = counts(self._agent, entry)
        return ListedPhrase(entry.phrase, entry.kind, entry.version, entry.device, going)

    def _is_steward(self) -> bool:
        return STEWARD in my_roles(self._agent)

    def _check_steward(self) -> None:
        if not self._is_steward():
            raise StewardNeeded


def _check_form(phrase: str, list_name: str, kind: str) -> str:
    if kind not in KINDS[list_name]:
        raise ContentRefused("kind", f"is none of: {', '.join(KINDS[list_name])}")
    said = phrase.strip()
    if not said or len(said) > MOST_PHRASE or not said.isprintable():
        raise ContentRefused("phrase", f"is one line of 1 to {MOST_PHRASE} characters")
    return said


def _check_allowed(phrase: str, kind: str) -> None:
    rules = [finding.rule for finding in inspect(phrase)]
    if not rules:
        raise ContentRefused(
            "phrase", "has nothing in it that the guard finds: it may be said as it is."
        )
    if any(rule.startswith(PRIVATE) for rule in rules):
        raise ContentRefused(
            "phrase",
            "holds what is private to one person, and no list lets that pass: leave it out.",
        )
    if kind == _ACP_KIND and not (
        _BOX in rules and all(rule.startswith(_OF_A_BOX) for rule in rules)
    ):
        raise ContentRefused(
            "phrase", "is no substitute address: give the programme's box and its town, no number."
        )


def _check_denied(phrase: str) -> None:
    letters = sum(char.isalpha() for char in phrase)
    found = inspect(phrase, lists=Lists(denied=(phrase,)))
    if letters < _LEAST_LETTERS or DENIED_RULE not in {finding.rule for finding in found}:
        raise ContentRefused(
            "phrase", "is no name that can be looked for: write it with its capitals and all words."
        )


def _order(entry: Entry) -> tuple[str, str]:
    return entry.kind, entry.phrase.casefold()
