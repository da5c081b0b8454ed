"""`client.guard`: what may not be said, why, and a person's word that it may go all the same.

Spec: docs/spec/guard.md; docs/reference/sdk.md, "The guard".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from quietway.attaching.staging import staged
from quietway.checking import check_text, find_rule, list_classes, look_through_file
from quietway.cleaning.cleaning import CLEANING
from quietway.errors import NotFound
from quietway.faces.guard_lists import AsyncGuardLists
from quietway.faces.saying import saying_refusals
from quietway.guard.deciding import find_end, place
from quietway.guard.inspecting import inspect
from quietway.guarding import seconding
from quietway.guarding.records import report_overrides, tell_auditors
from quietway.own.telling import list_colleagues
from quietway_schemas.codebook.lists import check
from quietway_schemas.locale import ENGLISH

if TYPE_CHECKING:
    from pathlib import Path

    from quietway.agent import Agent
    from quietway.checking import CheckReport
    from quietway.errors import LocationFound
    from quietway.guard.deciding import TextFinding
    from quietway.guard.finding import Action, Channel, Field
    from quietway.guarding.records import OverrideReport
    from quietway.guarding.seconding import OverrideRequest
    from quietway.own.accesses import AccessLines
    from quietway_schemas.instants import Instant

_MARK_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class GuardRule:
    """One rule of the guard.

    Attributes:
        id: `class.name`.
        action: What is done about a finding: `block`, `hold`, `strip` or `warn`.
        codes: What says it better, as `list/code` of the codebook.
    """

    id: str
    action: Action
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Override:
    """An override that was begun. Send the same again; it goes once nothing is missing.

    Attributes:
        digest: What a second person confirms.
        needs_second: Whether a colleague is to confirm it at another device.
        goes_at: From when it may go, where a countdown runs; until then its sender can stop.
    """

    digest: bytes
    needs_second: bool
    goes_at: Instant | None


class AsyncGuard:
    """The guard: it reads every text before anything is sealed.

    Attributes:
        lists: What the agency always allows, and the names that it never says.
    """

    def __init__(self, agent: Agent, lines: AccessLines, home: Path) -> None:
        self._agent = agent
        self._home = home
        self.lists = AsyncGuardLists(agent)
        agent.errands.append(partial(tell_auditors, agent, lines))

    async def inspect(
        self, text: str, *, channel: Channel = "secure", field: Field = "prose"
    ) -> tuple[TextFinding, ...]:
        """Say what should not be said in a text, in its order. Nothing is kept of it.

        Args:
            text: Any text at all.
            channel: `insecure` where others may read along (an e-mail, a text message): then every
                finding blocks.
            field: What kind of text it is: `prose`, `professional_contact` or `file_name`.

        Raises:
            GuardFailed: It broke on this text.
        """
        lists = self._agent.guarding.lists
        found = inspect(text, lists=lists, field=field, channel=channel)
        return tuple(place(finding, "text") for finding in found)

    async def check_text(self, text: str) -> CheckReport:
        """Look through a text, and say line and column of what should not be said.

        Raises:
            GuardFailed: It broke on this text.
        """
        return check_text(text, lists=self._agent.guarding.lists)

    async def check_file(self, source: Path | str | bytes, *, name: str = "") -> CheckReport:
        """Look through a file: its name, its words, and what it would lose before it is sent.

        Args:
            source: A path, or the bytes themselves.
            name: What it is called; else the path's name.

        Raises:
            AttachmentUnfit: It can't be read or cleaned, with the reason: it could not be sent.
            GuardFailed: It broke on a text in it.
            StorageFull: There is no room to clean it.
        """
        agent = self._agent
        place = staged(self._home, CLEANING, agent.entropy.draw(_MARK_BYTES))
        lists = agent.guarding.lists
        return await look_through_file(source, name=name, lists=lists, place=place)

    async def explain(self, rule: str, language: str = ENGLISH) -> str:
        """Say what a rule finds, why it could find somebody, and what to write instead.

        Raises:
            NotFound: There is no such rule.
        """
        try:
            return find_rule(rule).explain(language)
        except NotFound:
            raise NotFound("A rule of that id", "client.guard.list_rules") from None

    async def list_rules(self) -> tuple[GuardRule, ...]:
        """List every rule, in the order of the classes; that of the denied names last of its."""
        return tuple(
            GuardRule(rule.id, rule.action, rule.codes)
            for held in list_classes().values()
            for rule in held
        )

    async def override(self, refusal: LocationFound, reason: str) -> Override:
        """Begin to override a refusal, for exactly the texts that were refused. Then send again.

        In a crisis a countdown begins, and colleagues are asked to confirm it at another device;
        the same call goes once one has and the countdown is over. It counts for an hour, on this
        device, until the program ends; that it was used is told to the agency's auditors.

        Args:
            refusal: What `send` raised.
            reason: A code of the list `guard_reason`.

        Raises:
            ContentRefused: There is no such reason, the refusal has no override, or is of another
                run of the program.
            StorageFull: Colleagues could not be asked. Begin again.
        """
        with saying_refusals():
            check("guard_reason", reason, "reason")
        begun = self._agent.clock.now()
        refused = self._agent.guarding.begin(refusal.digest, reason, begun)
        alone = not list_colleagues(self._agent)
        needs_second = refused.crisis and not alone
        if needs_second:
            await seconding.ask_second(self._agent, refused, reason)
        goes_at = find_end(begun, crisis=refused.crisis, alone=alone)
        return Override(refused.digest, needs_second, goes_at)

    async def requests(self) -> list[OverrideRequest]:
        """List what colleagues ask to be confirmed, oldest first; ask them what it says."""
        return await seconding.list_requests(self._agent)

    async def confirm(self, request: OverrideRequest) -> None:
        """Say, as a second person, that what a colleague asks for may go.

        Raises:
            NotFound: Nobody asks for that now.
        """
        await seconding.confirm(self._agent, request.digest)

    async def overrides(self) -> OverrideReport:
        """List the overrides that were used on this device, and how often each rule was."""
        return await report_overrides(self._agent)
