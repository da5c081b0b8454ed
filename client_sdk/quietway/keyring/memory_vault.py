"""A vault that is gone with the process, for sandboxes and tests: nothing is written anywhere.

Spec: docs/spec/keys.md, "The keyring".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import WrongPassphrase
from quietway.keyring.head import SALT_BYTES
from quietway.keyring.vault import stretch
from quietway_crypto.passphrase import PassphraseParameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway.keyring.records import Record
    from quietway.keyring.vault import Stretched

_CHEAPEST: Final = PassphraseParameters(time_cost=1, memory_kib=8, parallelism=1)


class MemoryVault:
    """A vault that is gone with the process, for sandboxes: nothing is written anywhere.

    Args:
        passphrase: What `check_passphrase` asks for; None refuses every one.
    """

    __slots__ = ("_typed",)

    def __init__(self, passphrase: str | None = None) -> None:
        self._typed = None if passphrase is None else self.stretch_anew(passphrase)

    def write(self, records: Mapping[str, Record]) -> None:
        """Write nothing: the keyring holds it all."""

    def renew(self, records: Mapping[str, Record], under: Stretched | None = None) -> None:
        """Write nothing; ask for another passphrase from now on, where one is given."""
        del records
        self._typed = under or self._typed

    def finish(self) -> None:
        """Do nothing: there are no copies."""

    def stretch_anew(
        self, passphrase: str, parameters: PassphraseParameters | None = None
    ) -> Stretched:
        """Stretch a passphrase as cheaply as can be: it guards nothing that lies anywhere."""
        return stretch(passphrase, bytes(SALT_BYTES), parameters or _CHEAPEST)

    def destroy_pepper(self) -> None:
        """Do nothing: there is none."""

    def overwrite(self) -> None:
        """Ask for a passphrase that nobody has."""
        self._typed = None

    def check_passphrase(self, passphrase: str) -> None:
        """Demand the passphrase that this vault was made with.

        Raises:
            WrongPassphrase: It is another one, or there was none.
        """
        if self._typed is None:
            raise WrongPassphrase
        self._typed.check(passphrase)
