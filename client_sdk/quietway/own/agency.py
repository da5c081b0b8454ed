"""`client.agency`: who may decide for the agency, and the review of everyone's permissions.

After founding there is one ops holder, the device that founded. A second one draws a key of its own
(`ask_for_ops_key`), shows its line, and whoever holds the root admits it (`admit_ops_key`): from
then on it takes two to certify a device. The root itself belongs on paper: `recovery_sheet` prints
its words, and `take_root_offline` destroys it here once somebody has typed them from there.

Spec: docs/spec/keys.md, "Root → ops list"; docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.own.holders import (
    AgencyStanding,
    admit_ops_key,
    ask_for_ops_key,
    dismiss_ops_key,
    take_offline,
    tell_standing,
)
from quietway.own.reviews import Review, ReviewLine, attest, list_review
from quietway.rooted import list_ops, name_custodians, recovery_sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.agent import Agent
    from quietway.recovery_file import RecoveryFile
    from quietway.sheet import RecoverySheet
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant


class AsyncAgency:
    """The agency as its own devices see it."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def standing(self) -> AgencyStanding:
        """Say who may decide, and how many it takes."""
        return tell_standing(self._agent)

    async def ops_keys(self) -> Mapping[str, Instant]:
        """List the ops keys, each as its line, with the time it expires."""
        return list_ops(self._agent)

    async def ask_for_ops_key(self, *, passphrase: str) -> str:
        """Draw an ops key on this device, and give its line for whoever holds the root.

        The same line comes as long as the key stays here. It is no secret; hand it over so that
        the other side knows whose it is.

        Raises:
            WrongPassphrase: Nothing was drawn.
        """
        return ask_for_ops_key(self._agent, passphrase)

    async def admit_ops_key(
        self,
        line: str,
        *,
        passphrase: str,
        approvals: int | None = None,
        root_words: str | None = None,
    ) -> AgencyStanding:
        """Let another device decide too, by the root's signature.

        Args:
            line: As the other device shows it.
            passphrase: Of this device, typed again.
            approvals: How many holders a certificate takes from now on; None for two.
            root_words: The root's 24 words, where it lies on paper alone.

        Raises:
            RootOffline, WordsRefused: The root is not here, or these are not its words.
            WrongPassphrase: Nothing was signed.
            ContentRefused: It is no such line, there are not so many holders, or this device is
                none of them.
            RelayError: It was signed and not published: say it again.
        """
        return await admit_ops_key(
            self._agent, line, passphrase=passphrase, approvals=approvals, root_words=root_words
        )

    async def dismiss_ops_key(
        self, line: str, *, passphrase: str, root_words: str | None = None
    ) -> AgencyStanding:
        """Let a device decide no more. What it let in alone, the root vouches for: look at it.

        Raises:
            NotFound: There is no such ops key.
            RootOffline, WordsRefused, WrongPassphrase, ContentRefused, RelayError: As for
                `admit_ops_key`.
        """
        return await dismiss_ops_key(
            self._agent, line, passphrase=passphrase, root_words=root_words
        )

    async def recovery_sheet(self, *, passphrase: str) -> RecoverySheet:
        """Make the sheet with the root's 24 words: print it, lock it away, show it to nobody.

        Raises:
            RootOffline: It lies on paper already.
            WrongPassphrase: Nothing was shown.
        """
        self._agent.keyring.check_passphrase_again(passphrase)
        return recovery_sheet(self._agent)

    async def take_root_offline(self, words: str, *, passphrase: str) -> None:
        """Destroy the root key here, once its words were typed from the printed sheet.

        Raises:
            WordsRefused: They are not its words. It is still here.
            WrongPassphrase: The same.
        """
        take_offline(self._agent, words, passphrase)

    async def name_custodians(
        self,
        custodians: Iterable[str],
        threshold: int,
        *,
        passphrase: str,
        root_words: str | None = None,
    ) -> RecoveryFile:
        """Seal the root to people the agency chose, so that any `threshold` bring it back.

        Raises:
            RootOffline, WordsRefused, WrongPassphrase, ContentRefused: Nothing was made.
        """
        self._agent.keyring.check_passphrase_again(passphrase)
        return name_custodians(self._agent, custodians, threshold, words=root_words)

    async def review(self) -> Review:
        """List every device's permissions, and when a person has to look at them again."""
        return await list_review(self._agent)

    async def attest(self, device: DeviceId) -> ReviewLine:
        """Say that a device's permissions are as they should be.

        Raises:
            NotFound: The agency has no such device.
            ContentRefused: It is this device: another one looks at its permissions.
        """
        return await attest(self._agent, device)
