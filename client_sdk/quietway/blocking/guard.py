"""The guard's face of the blocking client: the same calls, waited for.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import builtins
    from pathlib import Path

    from quietway.blocking.loop import Loop
    from quietway.checking import CheckReport
    from quietway.errors import LocationFound
    from quietway.faces.guard import AsyncGuard, GuardRule, Override
    from quietway.faces.guard_lists import AsyncGuardLists, ListedPhrase
    from quietway.guard.deciding import TextFinding
    from quietway.guard.finding import Channel, Field
    from quietway.guarding.records import OverrideReport
    from quietway.guarding.seconding import OverrideRequest
    from quietway.own.guard_entries import ListName


class GuardLists:
    """The agency's lists, which all of its devices hold alike, and nobody else."""

    def __init__(self, face: AsyncGuardLists, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def allow(self, phrase: str, kind: str) -> ListedPhrase:
        """Let a phrase of the agency's own be said; see `AsyncGuardLists.allow`."""
        return self._loop.run(self._face.allow, phrase, kind)

    def deny(self, phrase: str, kind: str) -> ListedPhrase:
        """Never let a name be said; see `AsyncGuardLists.deny`."""
        return self._loop.run(self._face.deny, phrase, kind)

    def remove(self, list_name: ListName, phrase: str) -> None:
        """Take a phrase out of a list; see `AsyncGuardLists.remove`."""
        self._loop.run(self._face.remove, list_name, phrase)

    def list(self, list_name: ListName) -> builtins.list[ListedPhrase]:
        """List the phrases of a list; see `AsyncGuardLists.list`."""
        return self._loop.run(self._face.list, list_name)


class Guard:
    """The guard: it reads every text before anything is sealed.

    Attributes:
        lists: What the agency always allows, and the names that it never says.
    """

    def __init__(self, face: AsyncGuard, loop: Loop) -> None:
        self._face = face
        self._loop = loop
        self.lists = GuardLists(face.lists, loop)

    def inspect(
        self, text: str, *, channel: Channel = "secure", field: Field = "prose"
    ) -> tuple[TextFinding, ...]:
        """Say what should not be said in a text; see `AsyncGuard.inspect`."""
        return self._loop.run(self._face.inspect, text, channel=channel, field=field)

    def check_text(self, text: str) -> CheckReport:
        """Look through a text; see `AsyncGuard.check_text`."""
        return self._loop.run(self._face.check_text, text)

    def check_file(self, source: Path | str | bytes, *, name: str = "") -> CheckReport:
        """Look through a file; see `AsyncGuard.check_file`."""
        return self._loop.run(self._face.check_file, source, name=name)

    def explain(self, rule: str, language: str = "en") -> str:
        """Say what a rule finds, and what to write instead; see `AsyncGuard.explain`."""
        return self._loop.run(self._face.explain, rule, language)

    def list_rules(self) -> tuple[GuardRule, ...]:
        """List every rule, in the order of the classes."""
        return self._loop.run(self._face.list_rules)

    def override(self, refusal: LocationFound, reason: str) -> Override:
        """Begin to override a refusal, then send again; see `AsyncGuard.override`."""
        return self._loop.run(self._face.override, refusal, reason)

    def requests(self) -> list[OverrideRequest]:
        """List what colleagues ask to be confirmed; see `AsyncGuard.requests`."""
        return self._loop.run(self._face.requests)

    def confirm(self, request: OverrideRequest) -> None:
        """Say, as a second person, that it may go; see `AsyncGuard.confirm`."""
        self._loop.run(self._face.confirm, request)

    def overrides(self) -> OverrideReport:
        """List the overrides of this device; see `AsyncGuard.overrides`."""
        return self._loop.run(self._face.overrides)
