"""What the scenes share: the folder, the relay, the three agencies, and a list of what was said.

Each agency is a client of its own with an encrypted store of its own, under a passphrase of its
own. They share nothing but the relay's address. All goes through the public face of the SDK.

Spec: docs/tutorial/first-referral.md.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay import Relay

from quietway import Client, PassphraseParameters

if TYPE_CHECKING:
    from pathlib import Path

    from device import Device
    from listener import Listener
    from night import Night
    from tell import Teller

    from quietway import Received
    from quietway.content import CaseRef


@dataclass(frozen=True, slots=True)
class Agency:
    """One agency of the story.

    Attributes:
        name: What the story calls it.
        program: Its program's code.
        client: Its device.
        home: The folder of its store.
        passphrase: Of its device.
    """

    name: str
    program: str
    client: Client
    home: Path
    passphrase: str

    @property
    def code(self) -> str:
        """The agency's code."""
        return self.program.partition("-")[0]


# A real store makes each guess at its passphrase cost about a second; this says it does not.
QUICK = PassphraseParameters(time_cost=1, memory_kib=1_024, parallelism=1)

STATES = {
    "stored_at_relay": "sealed, and stored at the relay",
    "sealed": "sealed, kept on this device: not yet sent",
    "not_yet_sent": "kept on this device: not yet sent",
    "not_taken": "the relay lets nothing through to them now: they may have paused, so phone them",
}
"""How far a message has come, in words."""


class World:
    """Everything that the demo makes, and takes away again.

    Args:
        folder: An empty folder.
        tell: The voice.
    """

    def __init__(self, folder: Path, tell: Teller) -> None:
        self.folder = folder
        self.tell = tell
        self.relay_folder = folder / "relay"
        self.relay_folder.mkdir()
        self.relay = Relay(self.relay_folder)
        self.agencies: dict[str, Agency] = {}
        self.said: list[str] = []
        self.refused: list[str] = []
        self.read: dict[str, list[str]] = {}
        self.referral_file: bytes | None = None
        self.laptop: Client | None = None
        self.others: list[Client] = []
        self.parameters = QUICK
        self._case: CaseRef | None = None
        self._night: Night | None = None
        self._open = ExitStack()
        self._open.callback(self.relay.stop)

    @property
    def shelter(self) -> Agency:
        """The shelter."""
        return self.agencies["HARBOR"]

    @property
    def police(self) -> Agency:
        """The police liaison unit."""
        return self.agencies["CITYPD"]

    @property
    def hospital(self) -> Agency:
        """The hospital."""
        return self.agencies["MERCY"]

    @property
    def case(self) -> CaseRef:
        """The case that the hospital opened, by its own reference."""
        if self._case is None:
            raise AssertionError("No case was opened yet.")
        return self._case

    @case.setter
    def case(self, case: CaseRef) -> None:
        self._case = case

    @property
    def night(self) -> Night:
        """The night with an alert, once a scene began it."""
        if self._night is None:
            raise AssertionError("There was no alert yet.")
        return self._night

    @night.setter
    def night(self, night: Night) -> None:
        self._night = night

    def found(self, name: str, program: str, role: str, *, code: str) -> None:
        """Found an agency with its first device, in a store of its own."""
        home, passphrase = self.folder / program.lower(), f"demo passphrase of {program}"
        client = Client.found(
            home,
            passphrase=passphrase,
            relay=self.relay.public_url or self.relay.url,
            enrolment_code=code,
            agency_code=program.partition("-")[0],
            program=program,
            roles=(role,),
            parameters=QUICK,
        )
        agency = Agency(name, program, self.keep_open(client), home, passphrase)
        self.agencies[agency.code] = agency
        self.read[agency.code] = []

    def keep_open(self, client: Client) -> Client:
        """Keep a device open until the end, and close it then."""
        return self._open.enter_context(client)

    def stop_at_the_end(self, process: Listener | Device) -> None:
        """See that another process ends with the demo."""
        self._open.callback(process.stop)

    def remember(self, *words: str) -> None:
        """Remember words of contents, for the search at the end."""
        self.said.extend(words)

    def remember_refused(self, words: str) -> None:
        """Remember words that were not let pass: they stand nowhere, which is looked at, too."""
        self.refused.append(words)

    def fetch(self, agency: Agency) -> list[Received]:
        """Let an agency ask the relay, and return what is new to it."""
        known = {message.message_id for message in agency.client.inbox()}
        agency.client.sync()
        new = [held for held in agency.client.inbox() if held.message_id not in known]
        shown = [held for held in new if held.content.type != "audience.list"]
        self.read[agency.code] += [
            f"{held.content.type} from {held.sender_program}" for held in shown
        ]
        return shown

    def close(self) -> None:
        """Close every store and stop the relay."""
        self._open.close()
