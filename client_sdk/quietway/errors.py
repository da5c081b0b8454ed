"""Everything the SDK raises. Each error is a sentence that says what to do next.

    QuietwayError
    ├── StoreError                the device's own files
    │   ├── StoreMissing          there is none here yet
    │   ├── StoreExists           there is one here already
    │   ├── StoreInUse            another process has it open
    │   ├── StoreRolledBack       an older copy was put back
    │   ├── StoreTooNew           written by a newer version
    │   ├── StoreDamaged          unreadable
    │   ├── WrongPassphrase
    │   ├── PassphraseTooWeak     nothing was written under it
    │   └── StorageFull
    ├── RelayError                the way to the relay
    │   ├── RelayUnreachable      nothing is lost; it is tried again
    │   ├── RelayRefused          with the relay's problem code
    │   ├── InsecureRelay         http:// beyond this machine
    │   └── ClockError            this machine's clock is wrong
    ├── TrustError                who is who
    │   ├── UnknownPartner        no invitation of theirs was accepted
    │   ├── IdentityChanged       not the root key that was compared
    │   ├── DirectoryRefused      the relay served what its signer did not sign, or something older
    │   └── Unreachable           a device without a live epoch key
    ├── ContentRefused            what was to be said breaks a rule; nothing was sealed
    ├── NotFound                  no such referral, message or case in this store
    └── ImportRefused             a file that can't become a referral, with reason and field

Errors carry ids and codes, never content or keys, and import nothing above them.

Spec: docs/spec/envelope.md, "Opening".
"""

from __future__ import annotations

from typing import Final


class QuietwayError(Exception):
    """The root of everything the SDK raises on purpose."""


class StoreError(QuietwayError):
    """Something about the files of this device."""


class StoreMissing(StoreError):
    """There is no store in the folder."""

    def __init__(self) -> None:
        super().__init__(
            "There is no quietway store here yet. Run `quietway init`, or set QUIETWAY_HOME to "
            "the folder that has one."
        )


class StoreExists(StoreError):
    """The folder holds a store already; nothing was overwritten."""

    def __init__(self) -> None:
        super().__init__(
            "There is a quietway store here already, and it was left as it is. Set QUIETWAY_HOME "
            "to another folder to make a second one."
        )


class StoreInUse(StoreError):
    """Another process owns the store."""

    def __init__(self) -> None:
        super().__init__(
            "Another quietway program on this machine has the store open. Close it, then try again."
        )


class StoreRolledBack(StoreError):
    """An older copy of the store was put in place of a newer one."""

    def __init__(self) -> None:
        super().__init__(
            "This is an older copy of the store: what came and went since it was made is missing "
            "here. Put the newest copy back, or, if there is none, "
            "go on with `quietway doctor --accept-older-copy`; no sequence number is used twice."
        )


class StoreTooNew(StoreError):
    """The store was written by a newer version of quietway."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(
            f"The store has format {found}, and this version of quietway knows formats up to "
            f"{known}. Upgrade quietway; the store was not changed."
        )
        self.found = found
        self.known = known


class StoreDamaged(StoreError):
    """A file of the store cannot be read."""

    def __init__(self, part: str) -> None:
        super().__init__(
            f"The {part} is damaged and was not opened. Put the newest copy of the folder back; "
            "nothing was changed."
        )
        self.part = part


class WrongPassphrase(StoreError):
    """The passphrase does not open the keyring."""

    def __init__(self) -> None:
        super().__init__(
            "That passphrase does not open this keyring. Try again; nothing was changed, and "
            "there is no other way in."
        )


class PassphraseTooWeak(StoreError):
    """A thief of the disk could guess the passphrase."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason} Nothing was written.")


class StorageFull(StoreError):
    """The disk is full."""

    def __init__(self) -> None:
        super().__init__(
            "The disk is full, so the last step was not saved, and nothing of it was sent. Free "
            "some space, then try again."
        )


class RelayError(QuietwayError):
    """Something about the way to the relay."""


class RelayUnreachable(RelayError):
    """The relay could not be reached, or the connection broke."""

    def __init__(self) -> None:
        super().__init__(
            "The relay cannot be reached. What you wrote is kept and goes out when it can; check "
            "the network, or run `quietway doctor`."
        )


class RelayRefused(RelayError):
    """The relay answered with a problem.

    Attributes:
        code: The problem's code, from the registry of docs/reference/problems.md.
        index: Which record of a batch was to blame, or None.
        retry_after: Seconds to wait before asking again, or None.
    """

    def __init__(
        self, code: str, detail: str, *, index: int | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(f"The relay refused ({code}): {detail}")
        self.code = code
        self.index = index
        self.retry_after = retry_after


class InsecureRelay(RelayError):
    """The relay's address would send everything in the clear."""

    def __init__(self) -> None:
        super().__init__(
            "A relay's address must start with https:// (http:// is for this machine only). Ask "
            "the relay's operator for the right address."
        )


class ClockError(RelayError):
    """This machine's clock and the relay's differ by more than two hours.

    Attributes:
        skew_ms: Local time minus the relay's, in milliseconds.
    """

    def __init__(self, skew_ms: int) -> None:
        minutes = abs(skew_ms) // 60_000
        direction = "ahead of" if skew_ms > 0 else "behind"
        super().__init__(
            f"This machine's clock is {minutes // 60} h {minutes % 60} min {direction} the "
            "relay's. Set the clock, then try again; nothing was sent, erased or lost."
        )
        self.skew_ms = skew_ms


class TrustError(QuietwayError):
    """Something about who is who."""


class UnknownPartner(TrustError):
    """No invitation of that agency was accepted here."""

    def __init__(self, agency: str) -> None:
        super().__init__(
            f"{agency} is not a partner of this agency yet. Ask them for an invitation file, then "
            "run `quietway partner add FILE`."
        )
        self.agency = agency


class IdentityChanged(TrustError):
    """An agency shows another root key than the one that was compared."""

    def __init__(self, agency: str) -> None:
        super().__init__(
            f"{agency} shows another identity than the one you accepted. Nothing is sent to them. "
            "Call someone you know there, by a number you already had."
        )
        self.agency = agency


class DirectoryRefused(TrustError):
    """The relay served a directory object that does not hold.

    Attributes:
        agency: Whose object it was.
        reason: `forged`, `rolled_back`, `expired` or `malformed`.
    """

    def __init__(self, agency: str, reason: str) -> None:
        super().__init__(
            f"The relay served a record of {agency} that does not hold ({reason}). It was not "
            "used. Tell the relay's operator and your partner."
        )
        self.agency = agency
        self.reason = reason


class Unreachable(TrustError):
    """A device has published no key for now, so nothing can be sealed to it.

    Attributes:
        device: The device, in text form; the agency where it has none at all.
    """

    def __init__(self, device: str) -> None:
        super().__init__(
            f"{device} has no live key, so nothing can be sealed to it. It publishes new ones "
            "when it is next switched on; your message waits."
        )
        self.device = device


class ContentRefused(QuietwayError):
    """What was to be said breaks a rule of the dictionary.

    Attributes:
        field: The field that breaks it.
        reason: Why, in words, without the value.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"Nothing was sealed: {field} {reason}")
        self.field = field
        self.reason = reason


class NotFound(QuietwayError):
    """This store holds nothing by that id."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not in this store. `quietway inbox` lists what is.")
        self.what = what


_ADVICE: Final = {
    "malformed": "It is not one whole FHIR resource in JSON: export it once more.",
    "not_a_referral": "It does not ask for a service: choose the request itself.",
    "not_open": "It is closed or not yet open in its own system: to refer anew all the same, allow "
    "closed requests.",
    "too_large": "It is larger than any request: export one resource in a file.",
    "unreadable": "It is not there, is no plain file, or may not be read: check its name.",
    "unsupported": "It carries something that is not understood here: look at it in its own "
    "system.",
}
"""What to do next, by reason."""


class ImportRefused(QuietwayError):
    """A file cannot become a referral, or does not say how one stands.

    Attributes:
        reason: `not_open`, `not_a_referral`, `malformed`, `too_large`, `unsupported` or
            `unreadable`.
        field: The field that decided it, by name.
    """

    def __init__(self, reason: str, field: str) -> None:
        super().__init__(
            f"This file can't be taken: {reason} (field: {field}). {_ADVICE.get(reason, '')} "
            "Nothing was sent."
        )
        self.reason = reason
        self.field = field
