"""A sandbox: agencies that are partners of one another, in memory, for a partner app's own tests.

    with Sandbox(seed=7) as sandbox:
        shelter = sandbox.agency("HARBOR-SHELTER")
        hospital = sandbox.agency("MERCY-SOCIALWORK")
        shelter.messages.send("Are you there?", to="MERCY")
        hospital.sync()
        assert hospital.inbox()[0].content.text == "Are you there?"

Everything is the real thing (the engine, the sealing, the rules of the relay) over a clock that
stands still, randomness from a seed, stores in memory and a relay in memory. Only what a passphrase
costs is lowered. Nothing is written outside a temporary folder, which is removed.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Self

from quietway.blocking.client import Client
from quietway.store.memory import MemoryStore
from quietway.testing.clock import FakeClock
from quietway.testing.entropy import SeededEntropy
from quietway.testing.relay import InMemoryRelay
from quietway_crypto.passphrase import PassphraseParameters

if TYPE_CHECKING:
    from types import TracebackType

RELAY_URL: Final = "https://relay.example"
PASSPHRASE: Final = "a passphrase for the sandbox only"  # noqa: S105 - it protects a folder that is thrown away
FAST: Final = PassphraseParameters(time_cost=1, memory_kib=8, parallelism=1)


class Sandbox:
    """Agencies in memory, all partners of one another.

    Attributes:
        clock: Everyone's, the relay's too; `sandbox.clock.advance(seconds)` moves it.
        relay: `sandbox.relay.offline = True` takes it away.

    Args:
        seed: Decides all randomness but that of sealing itself.
    """

    def __init__(self, seed: int = 0) -> None:
        self.clock = FakeClock()
        self.relay = InMemoryRelay(self.clock)
        self._entropy = SeededEntropy(seed)
        self._clients: list[Client] = []
        self._open = ExitStack()
        self._folder = Path(self._open.enter_context(TemporaryDirectory(prefix="quietway-")))

    def agency(self, program: str, *, roles: tuple[str, ...] = ("shelter_staff",)) -> Client:
        """Found an agency with one device, and make it a partner of all that are here.

        Args:
            program: As `HARBOR-SHELTER`; the part before the hyphen is the agency's code.
            roles: Codes of the list `role`.
        """
        client = Client.found(
            self._folder / str(len(self._clients)),
            passphrase=PASSPHRASE,
            relay=RELAY_URL,
            enrolment_code=self.relay.enrolment_code(),
            agency_code=program.partition("-")[0],
            program=program,
            roles=roles,
            parameters=FAST,
            relay_port=self.relay.connect,
            clock=self.clock,
            entropy=self._entropy,
            store=MemoryStore(),
        )
        self._open.callback(client.close)
        for other in self._clients:
            make_partners(client, other)
        self._clients.append(client)
        return client

    def sync(self) -> None:
        """Let every agency do one pass, and then another, so that what crossed has arrived."""
        for _ in range(2):
            for client in self._clients:
                client.sync()

    def close(self) -> None:
        """Close every client and remove the temporary folder; closing twice is fine."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def make_partners(one: Client, other: Client) -> None:
    """Exchange invitations between two agencies, in both directions."""
    other.partners.add(one.partners.invite(other.program))
    one.partners.add(other.partners.invite(one.program))
    other.sync()
