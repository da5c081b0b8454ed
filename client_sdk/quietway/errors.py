"""Everything the SDK raises. Each error is a sentence that says what to do next.

    QuietwayError
    ├── StoreError                the device's own files
    │   ├── StoreMissing          there is none here yet
    │   ├── StoreExists           there is one here already
    │   ├── StoreInUse            another process has it open
    │   ├── StoreRolledBack       an older copy was put back
    │   ├── StoreTooNew           written by a newer version
    │   ├── StoreDamaged          unreadable
    │   ├── PepperMissing         what no passphrase replaces is not here
    │   ├── DeviceLocked          it was locked, and opens nothing any more
    │   ├── WrongPassphrase
    │   ├── PassphraseTooWeak     nothing was written under it
    │   └── StorageFull
    ├── RelayError                the way to the relay
    │   ├── RelayUnreachable      nothing is lost; it is tried again
    │   ├── RelayRefused          with the relay's problem code
    │   │   └── OverQuota         as much as this device may send in a week was sent
    │   ├── InsecureRelay         http:// beyond this machine
    │   ├── RelayPutBack          its store was put back from an older copy
    │   └── ClockError            this machine's clock is wrong
    ├── ClockDoubted              nothing is erased by this machine's clock
    ├── TrustError                who is who
    │   ├── AgencyRemoved         the relay's operator ended its place there
    │   ├── AnotherLog            signed by another log than the one that is pinned here
    │   ├── UnknownPartner        no invitation of theirs was accepted
    │   ├── IdentityChanged       not the root key that was compared
    │   ├── FingerprintDiffers    what was read out is not the root key held here
    │   ├── DirectoryRefused      the relay served what its signer did not sign, or something older
    │   ├── EvidenceRefused       a file does not prove that a log showed two faces
    │   ├── LogForked             the log was proved to show two faces
    │   ├── LogRolledBack         the log shows less, or something else, than it did before
    │   ├── DirectoryStale        nobody vouched for an agency's devices for a week
    │   ├── AgreementRefused      it is no such file, or this agency may not sign it
    │   ├── DictionaryRefused     the agencies have not agreed to it, or it is no such file
    │   ├── OutpacedByColleague   another ops holder changed the manifest first
    │   ├── NotTakenIn            their relay lets nothing of this agency through to them
    │   ├── PartnerPaused         this agency shares nothing with them now
    │   ├── PartnerEnded          it ended that, and only saying so undoes it
    │   ├── LaneAwaited           an agency has not given this device the right to send yet
    │   └── Unreachable           a device without a live epoch key
    ├── RecoveryError             what brings an agency or a device back
    │   ├── WordsRefused          not the words that were written down
    │   ├── RootOffline           it takes the words of the printed sheet
    │   ├── TooFewCustodians      more people are needed
    │   ├── RecoveryFileRefused   not whole, altered, or another agency's
    │   ├── BackupExists          there is a file of that name
    │   └── BackupRefused         not opened, too large, or of a device that left
    ├── ContentRefused            what was to be said breaks a rule; nothing was sealed
    ├── LocationFound             the guard found what should not be said; nothing was sealed
    ├── GuardFailed               the guard could not read a text; nothing was sealed
    ├── NotPartners               two agencies of a huddle exchanged no invitation
    ├── NotPermitted              no consent, agreement or law allows it; nothing was sealed
    ├── RoleRefused               the roles of a device do not allow it; nothing was sealed
    ├── AlertError                an alert
    │   ├── LeadUnknown           nobody is known to lead the case; nothing was sealed
    │   ├── NobodyToCall          nobody else is on call there; nothing was sealed
    │   └── NotCorroborated       nobody else confirmed it yet, so nobody else is told
    ├── NotesOwed                 an event can't be closed yet: whose notes are missing
    ├── StewardNeeded             the agency's lists are changed on a data steward's device
    ├── MembershipError           the agency's own devices
    │   ├── LinkRefused           what was shown is not what was compared
    │   ├── NotYetApproved        no manifest certifies this device yet
    │   ├── NotAgencyOwned        the machine is somebody's own, and that was not said
    │   ├── OpsKeyMissing         this device decides nothing about others
    │   ├── SecretAwaited         a linked device can't invite yet
    │   ├── SnapshotAwaited       a linked device does not know the cases yet
    │   └── SnapshotRefused       not approved, changed, or another device's
    ├── AttachmentError           a file beside a message
    │   ├── AttachmentGone        the relay does not have it any more
    │   ├── AttachmentRefused     not, byte for byte, what was sent
    │   └── AttachmentUnfit       it can't be read, sent or written as it is
    ├── WebhookRefused            what came to a receiver is not believed
    ├── NotFound                  no such referral, message or case in this store
    └── ImportRefused             a file that can't become a referral, with reason and field

Errors carry ids and codes, never content or keys, and import nothing above them.

Spec: docs/spec/envelope.md, "Opening".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from quietway.alerting.phoning import PhoneScript
    from quietway.guard.deciding import Decision, Need, TextFinding
    from quietway.policy.rulings import Ruling
    from quietway_schemas.instants import Instant


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
            "This is an older copy of the store, or a backup of this device was restored on "
            "another machine: what came and went meanwhile is missing here. If it runs elsewhere, "
            "use that one only. Else put the newest copy back, or, if there is none, "
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


class PepperMissing(StoreError):
    """The pepper that the keyring is under lies neither in the folder nor with the system."""

    def __init__(self) -> None:
        super().__init__(
            "The pepper that belongs to this keyring is not here, and no passphrase opens it "
            "without. Unlock the system's own keyring, or put the whole folder back where it "
            "was; nothing was changed."
        )


class DeviceLocked(StoreError):
    """The device was locked, and this client has let go of its secrets."""

    def __init__(self) -> None:
        super().__init__(
            "This device is locked and opens nothing. Unlock it with the passphrase, and go on "
            "with the client that this gives."
        )


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


class OverQuota(RelayRefused):
    """As much as one device may send to an agency in a week was sent. What waits goes out later.

    Args:
        retry_after: Seconds until it is tried again, or None.
        index: Which record of a batch was the first too many, or None.
    """

    def __init__(self, retry_after: int | None = None, *, index: int | None = None) -> None:
        super().__init__(
            "over_quota",
            "This device has sent as much as it may for now. What waits is kept, and goes out "
            "later by itself; send less meanwhile.",
            index=index,
            retry_after=retry_after,
        )


class InsecureRelay(RelayError):
    """The relay's address would send everything in the clear."""

    def __init__(self) -> None:
        super().__init__(
            "A relay's address must start with https:// (http:// is for this machine only). Ask "
            "the relay's operator for the right address."
        )


class RelayPutBack(RelayError):
    """The relay's store was put back from an older copy. It is told once."""

    def __init__(self) -> None:
        super().__init__(
            "The relay was put back from an older copy: what it had taken in since, and nobody had "
            "fetched, was lost there. What this device sent and nobody has confirmed goes out "
            "again by itself; send files that were shared in the last days again."
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


_CLOCK_ADVICE: Final = {
    "differs": "The relay says another time than this machine. Set the clock.",
    "behind": "This machine's clock is behind a time that was right before. Set the clock.",
    "jumped": "This machine's clock was set, or stood still, while the relay could not be asked. "
    "Set it right if it is not, then run `quietway sync` while the relay answers.",
    "unconfirmed": "No relay has confirmed this machine's clock since quietway last ran. Run "
    "`quietway sync` while the relay answers.",
}
"""What to do next, by reason."""


class ClockDoubted(QuietwayError):
    """This machine's clock may be wrong, so nothing is erased by it.

    Attributes:
        reason: `differs`, `behind`, `jumped` or `unconfirmed`.
        off_ms: How far the clock is ahead of what it was compared with.
    """

    def __init__(self, reason: str, off_ms: int) -> None:
        super().__init__(
            f"Nothing that has expired is erased for now. {_CLOCK_ADVICE.get(reason, '')}"
        )
        self.reason = str(reason)
        self.off_ms = off_ms


class TrustError(QuietwayError):
    """Something about who is who."""


class AgencyRemoved(TrustError):
    """The relay's operator removed an agency. Nothing is sent to it, or by it, any more.

    Attributes:
        agency: The agency, by its code where that is known.
    """

    def __init__(self, agency: str) -> None:
        super().__init__(
            f"The relay's operator removed {agency}, so nothing is sent to or from it here. What "
            "was opened stays readable. Ask the operator why, by a number you already had; to come "
            "back, the agency is founded anew and compared anew."
        )
        self.agency = agency


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


class AnotherLog(TrustError):
    """A page or an invitation is of another log than the one that this device has pinned.

    Attributes:
        shown_by: `relay`, `invitation` or `offer`.
    """

    def __init__(self, shown_by: str) -> None:
        super().__init__(
            f"The {shown_by} shows another log than the one that this device relies on, so nothing "
            "of it was taken in. Call someone you know at the partner's and compare what `quietway "
            "log show` says there and here; tell the relay's operator."
        )
        self.shown_by = shown_by


class FingerprintDiffers(TrustError):
    """What an agency read out is not the root key that is pinned here."""

    def __init__(self, agency: str) -> None:
        super().__init__(
            f"Stop: what was read out is not the identity that is held here for {agency}. Send "
            "them nothing. Call someone you know there, by a number you already had; if it "
            "differs again, that invitation is not theirs: ask for another."
        )
        self.agency = agency


class DirectoryRefused(TrustError):
    """The relay served a directory object that does not hold.

    Attributes:
        agency: Whose object it was.
        reason: `forged`, `rolled_back`, `expired`, `malformed` or `not_logged`.
    """

    def __init__(self, agency: str, reason: str) -> None:
        super().__init__(
            f"The relay served a record of {agency} that does not hold ({reason}). It was not "
            "used. Tell the relay's operator and your partner."
        )
        self.agency = agency
        self.reason = reason


_PROVES_NOTHING: Final = {
    "malformed": "It is not an evidence file as it was made: ask for it once more.",
    "forged": "A checkpoint in it is not signed by the log key that it names.",
    "no_fork": "Its two checkpoints may both be of one log.",
}
"""Why not, by reason."""


class EvidenceRefused(TrustError):
    """A file does not prove that a log showed two faces.

    Attributes:
        reason: `malformed`, `forged` or `no_fork`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"This file proves nothing. {_PROVES_NOTHING.get(reason, '')}")
        self.reason = reason


class AccessFileRefused(TrustError):
    """A file is no access log that can be checked."""

    def __init__(self) -> None:
        super().__init__(
            "This file is no access log that was exported whole: it proves nothing. Ask the "
            "auditor to export it again: `quietway access export FILE`."
        )


class LogForked(TrustError):
    """There is proof that the log showed two faces, and no person has acknowledged it yet."""

    def __init__(self) -> None:
        super().__init__(
            "The relay has shown you and others two different directories, and the proof of it "
            "lies on this device. Nothing new is taken in from the relay's directory; what you "
            "send to devices that are known goes on. Run `quietway log export FILE` and show the "
            "file to your partners and to the relay's operator; then `quietway log acknowledge`."
        )


class LogRolledBack(TrustError):
    """The log shows less than this device has seen, or a history that is not the same.

    Attributes:
        seen: The size that was verified here before.
        shown: The size that it shows now.
    """

    def __init__(self, seen: int, shown: int) -> None:
        super().__init__(
            f"The relay's log had {seen} entries and now shows {shown} that do not continue them, "
            "as after an old copy was put back. Nothing of it was taken in. Tell the relay's "
            "operator; what you send to devices that are known goes on."
        )
        self.seen = seen
        self.shown = shown


class DirectoryStale(TrustError):
    """Nobody vouched for an agency's manifest within the last week, so it may be an old one.

    Attributes:
        agency: The agency, by its code where that is known.
    """

    def __init__(self, agency: str) -> None:
        super().__init__(
            f"What is known of {agency}'s devices is older than a week, so one of them may be lost "
            "by now and nothing is sealed to them. Your message waits until theirs are switched on "
            "again; if it is urgent, call them."
        )
        self.agency = agency


_DICTIONARY_ADVICE: Final = {
    "approval_missing": "Have an ops holder there approve it, and take their file.",
    "differs": "This program holds another dictionary: install the version that it names first.",
    "key_expired": "The key that approved has expired: have a holder of today approve it.",
    "manifest_expired": "Synchronise, then try again.",
    "not_read": "It is no such file, or it was altered: ask for it once more.",
    "unknown_agency": "Accept that agency's invitation and synchronise first.",
}


class DictionaryRefused(TrustError):
    """A release of the dictionary was not taken, or not approved.

    Attributes:
        reason: A code of dictionary.md, "When it counts"; or `differs`, where this program holds
            other files, or `not_read`.
        agency: The agency that decided it, by its code; empty where it was none.
    """

    def __init__(self, reason: str, agency: str = "") -> None:
        of = f", agency {agency}" if agency else ""
        advice = _DICTIONARY_ADVICE.get(reason, "Ask whoever sent it which release is meant.")
        super().__init__(f"The dictionary was not taken ({reason}{of}). {advice}")
        self.reason = reason
        self.agency = agency


_AGREEMENT_ADVICE: Final = {
    "not_a_party": "It does not name your agency as a party: ask whoever wrote it.",
    "not_read": "It is not an agreement's signed file: ask for it again, as it was made.",
    "over": "It has ended, expired, or was replaced: draft the next version.",
    "two_of_one_version": "Your agency signed another text under this name and version: compare "
    "them, and draft the next version.",
    "unknown": "It is not known here: synchronise, or ask a party to share it.",
}


class AgreementRefused(TrustError):
    """An agreement was not taken, signed or shown.

    Attributes:
        reason: `not_a_party`, `not_read`, `over`, `two_of_one_version` or `unknown`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Nothing was done about the agreement ({reason}). {_AGREEMENT_ADVICE[reason]}"
        )
        self.reason = reason


class OutpacedByColleague(TrustError):
    """Another device of this agency changed the manifest first; nothing of this change was made."""

    def __init__(self) -> None:
        super().__init__(
            "Somebody else of your agency changed its list of devices a moment ago, so yours was "
            "not taken. Look at the list as it is now, then decide again."
        )


class NotTakenIn(TrustError):
    """The relay lets nothing of this device through to an agency: its lane does not stand there."""

    def __init__(self, agency: str) -> None:
        super().__init__(
            f"{agency} does not take messages from this device now. They may have paused. Phone "
            "them. What you wrote waits here, and is tried again."
        )
        self.agency = agency


class PartnerPaused(TrustError):
    """This agency shares nothing with that partner now: a person here decided so."""

    def __init__(self, agency: str) -> None:
        super().__init__(
            f"Your agency has paused {agency}: nothing goes to them, and what was written for them "
            f"waits here. `quietway partner resume {agency}` lets it go on."
        )
        self.agency = agency


class PartnerEnded(TrustError):
    """Sharing with that partner was ended, and is not resumed by the way."""

    def __init__(self, agency: str) -> None:
        super().__init__(
            f"Your agency ended sharing with {agency}. Nothing was changed. To undo that, "
            f"say so: `quietway partner resume {agency} --ended`."
        )
        self.agency = agency


class LaneAwaited(TrustError):
    """An agency has not given this device the right to send to it, or not any more.

    Attributes:
        agency: The agency.
    """

    def __init__(self, agency: str) -> None:
        super().__init__(
            f"{agency} has not let this device send to them yet. Their devices do it by themselves "
            "when one of them next runs; your message waits. If it takes days, ask them for a new "
            "invitation."
        )
        self.agency = agency


class Unreachable(TrustError):
    """A device has published no key for now, so nothing can be sealed to it.

    Attributes:
        device: The device, in text form; the agency where it has none at all.
    """

    def __init__(self, device: str) -> None:
        super().__init__(
            f"{device} has no live key, so nothing can be sealed to it. It publishes new ones "
            "when it is next switched on; your message waits. Call them if it is urgent."
        )
        self.device = device


class RecoveryError(QuietwayError):
    """Something about what brings an agency or a device back."""


class WordsRefused(RecoveryError):
    """Words that were typed are not the words that were written down. The sentence holds none.

    Attributes:
        number: Which word is not in the list, from 1; None where each of them is.
        person: Whose words they are, from 1 in the order they were given; None for one's own.
    """

    def __init__(
        self, sentence: str, *, number: int | None = None, person: int | None = None
    ) -> None:
        whose = "" if person is None else f"The words of person {person}: "
        super().__init__(f"{whose}{sentence}")
        self.number = number
        self.person = person


class RootOffline(RecoveryError):
    """The agency's root key lies on paper, and this asks for it."""

    def __init__(self) -> None:
        super().__init__(
            "The agency's root key is not on this device any more. Type its 24 words from the "
            "printed sheet; they are used once and not kept."
        )


class TooFewCustodians(RecoveryError):
    """It takes more people to open this recovery file.

    Attributes:
        needed: How many it takes.
        given: How many gave their words.
    """

    def __init__(self, needed: int, given: int) -> None:
        super().__init__(
            f"It takes the words of {needed} custodians to open this recovery file, and those of "
            f"{given} are here. Ask another of them, then try again."
        )
        self.needed = needed
        self.given = given


_RECOVERY_ADVICE: Final = {
    "malformed": "It is not one whole recovery file of this version: look for another copy.",
    "altered": "What it holds is not the agency's root key: look for another copy, and keep this "
    "one, because somebody changed it.",
    "other_agency": "It is another agency's: look for your own.",
}


class RecoveryFileRefused(RecoveryError):
    """A recovery file was not taken.

    Attributes:
        reason: `malformed`, `altered` or `other_agency`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The recovery file was not taken ({reason}). {_RECOVERY_ADVICE.get(reason, '')} "
            "Nothing was changed."
        )
        self.reason = reason


_BACKUP_ADVICE: Final = {
    "not_opened": "Passphrase, words and file do not belong together, or the file was altered: "
    "try each of them again.",
    "malformed": "It opened, and is no backup of this version: look for another one.",
    "too_large": "There is more in this store than a backup holds (1 GiB).",
    "departed": "Its device does not belong to the agency any more: link this machine as a new "
    "device instead.",
}


class BackupExists(RecoveryError):
    """There is a file of that name; nothing was written."""

    def __init__(self) -> None:
        super().__init__(
            "There is a file of that name already, and it was left as it is. Name another one, or "
            "a folder: the backup then gets a name that tells nothing."
        )


class BackupRefused(RecoveryError):
    """A backup was not made, or not taken.

    Attributes:
        reason: `not_opened`, `malformed`, `too_large` or `departed`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The backup was refused ({reason}). {_BACKUP_ADVICE.get(reason, '')} Nothing was "
            "changed."
        )
        self.reason = reason


class ContentRefused(QuietwayError):
    """What was to be said breaks a rule of the dictionary.

    Attributes:
        field: The field that breaks it.
        reason: Why, in words, without the value.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"Nothing was done: {field} {reason}")
        self.field = field
        self.reason = reason


_NEXT: Final[dict[str | None, str]] = {
    "other_words": "Write it in other words, or say it with a code; there is no override.",
    "reason": "Write it in other words, or say it with a code. If it must go as it is, say why "
    "(client.guard.override), then send it again.",
    "second_person": "Ask a colleague to confirm it at another device (client.guard.confirm), then "
    "send it again; or write it in other words.",
    "wait": "Wait until the countdown is over, then send it again; or write it in other words.",
}
"""What to do next, by what is missing."""


class LocationFound(QuietwayError):
    """The guard found what could lead somebody to a survivor, or names her beyond doubt.

    Attributes:
        kind: The content type.
        findings: What stands in the way: field, rule, action, span and codes; never the text. Each
            `explain`s itself, also in Spanish.
        needs: What is missing: `other_words`, `reason`, `second_person` or `wait`.
        goes_at: From when it may go, where a countdown runs; else None.
        digest: Names this refusal for an override: a keyed hash, of which nothing can be guessed.
    """

    def __init__(self, decision: Decision, digest: bytes, kind: str) -> None:
        fields = ", ".join(dict.fromkeys(held.field for held in decision.stands))
        super().__init__(
            f"Nothing was sealed: the guard read {fields} (rules: {', '.join(decision.rules)}). "
            f"{decision.explain()} {_NEXT[decision.needs]}"
        )
        self.kind = kind
        self.findings: tuple[TextFinding, ...] = decision.stands
        self.needs: Need | None = decision.needs
        self.goes_at: Instant | None = decision.goes_at
        self.digest = digest


class GuardFailed(QuietwayError):
    """The guard broke on a text, so nobody knows what is in it: it was not sealed or sent.

    What broke is not told with it, since that may hold the text.

    Attributes:
        name: The class of rules that broke.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Nothing was sealed: the guard could not read this text (class {name}). Use codes, or "
            "write it in other words, and tell whoever keeps quietway the class."
        )
        self.name = name


class NotPartners(QuietwayError):
    """Two agencies of a huddle are no partners of each other. Nothing was sealed.

    Attributes:
        agency: The one, by its code.
        other: The other one.
    """

    def __init__(self, agency: str, other: str) -> None:
        super().__init__(
            f"{agency} and {other} are no partners: let them exchange invitations, and answer "
            "again. Nothing was sealed."
        )
        self.agency = agency
        self.other = other


class NotPermitted(QuietwayError):
    """Neither a survivor's consent, nor an agreement, nor a law allows what was to be said.

    Attributes:
        agency: Whom it was for, by its code.
        ruling: Which rule decided, and what is missing; `ruling.explain("es")` says it in Spanish.
    """

    def __init__(self, agency: str, ruling: Ruling) -> None:
        super().__init__(
            f"Nothing was sealed for {agency} (rule {ruling.rule}). {ruling.explain()}"
        )
        self.agency = agency
        self.ruling = ruling


class DataUseUnread(QuietwayError):
    """The agency has a data-use policy, and this device's user has not acknowledged it.

    Attributes:
        version: Of the policy.
    """

    def __init__(self, version: str) -> None:
        super().__init__(
            f"Nothing was sealed: read your agency's data-use policy, version {version}, and "
            "acknowledge it first (client.consent.acknowledge_data_use)."
        )
        self.version = version


class RoleRefused(QuietwayError):
    """The roles in a device's certificate do not allow what was to be said.

    Attributes:
        kind: The content type.
        direction: `sent` or `received`: which side of the rule it is.
        roles: The roles that may.
    """

    def __init__(self, kind: str, direction: str, roles: tuple[str, ...]) -> None:
        super().__init__(
            f"Nothing was sealed: {kind} is {direction} by {', '.join(roles)} only. Ask an ops "
            "holder of the agency to change the roles of the device, or choose another recipient."
        )
        self.kind = kind
        self.direction = direction
        self.roles = roles


class AlertError(QuietwayError):
    """Something about an alert."""


class LeadUnknown(AlertError):
    """Nobody is known here to lead the case that an alert is about.

    Attributes:
        case: The case, by one's own reference.
        script: Whom to phone instead, and what to say.
    """

    def __init__(self, case: str, script: PhoneScript) -> None:
        super().__init__(
            f"Nothing was sealed: nobody is known here to lead the case {case}. Call now: say to "
            "your own supervisor and to the partner who told you of it that there is an alarm "
            "(the error's `script` has the numbers), and ask who leads."
        )
        self.case = case
        self.script = script


class NobodyToCall(AlertError):
    """An alert would call nobody: no other device there has a role on call, and can be reached.

    Attributes:
        agency: Whose on-call it is.
        script: Whom to phone instead, and what to say; None where that agency is one's own.
    """

    def __init__(self, agency: str, script: PhoneScript | None = None) -> None:
        super().__init__(
            f"Nobody else of {agency} can be called now. Nothing was sent: call them by phone (the "
            "error's `script`, or `client.contacts.show`, has the numbers)."
        )
        self.agency = agency
        self.script = script


class NotCorroborated(AlertError):
    """Before more people are told of an alert, somebody else has to confirm it.

    Attributes:
        alert_id: Which.
        verification: How far it is verified: `unverified` or `unfounded`.
    """

    def __init__(self, alert_id: bytes, verification: str) -> None:
        super().__init__(
            f"Nothing was sealed: the alert {alert_id.hex()} is {verification}, so nobody but the "
            "lead's on-call is told of it. Ask somebody other than who raised it to check with a "
            "trusted source and to record it (client.alerts.verify); or record professional "
            "judgement, and have a second person stand by it (client.alerts.second)."
        )
        self.alert_id = alert_id
        self.verification = verification


class NotesOwed(QuietwayError):
    """An event is not closed while an agency that took part has neither a note nor an excuse.

    Attributes:
        agencies: Their codes, sorted.
    """

    def __init__(self, agencies: tuple[str, ...]) -> None:
        super().__init__(
            f"The event was not closed: no note of {', '.join(agencies)} is here. Ask them for "
            "one, or name them with the reason why it is missing."
        )
        self.agencies = agencies


class StewardNeeded(QuietwayError):
    """The agency's lists are a data steward's to change, and this device is not one's."""

    def __init__(self) -> None:
        super().__init__(
            "Nothing was done: what the agency allows to be said is changed, and the names that it "
            "never says are shown, on a device with the role data_steward only. Do it there, or "
            "ask an ops holder to give this device that role."
        )


class MembershipError(QuietwayError):
    """Something about the agency's own devices."""


class LinkRefused(MembershipError):
    """What was shown is not what two people compared.

    Attributes:
        field: What differs: `words`, `certificate`, `agency`, `root_key`, `log_key`, `manifest`,
            `device` or `approvals`.
    """

    def __init__(self, field: str) -> None:
        super().__init__(
            f"This does not belong together ({field}). Nothing was approved or joined: begin anew "
            "from the new device's screen, and compare all words aloud."
        )
        self.field = field


class NotYetApproved(MembershipError):
    """No manifest certifies this device yet."""

    def __init__(self) -> None:
        super().__init__(
            "This device is not approved yet. Ask the ops holder who answered it, or a second "
            "one where your agency asks for two; then join again with the same words."
        )


class NotAgencyOwned(MembershipError):
    """The machine is somebody's own, and that was not said.

    Attributes:
        device: Which, in text form.
    """

    def __init__(self, device: str) -> None:
        super().__init__(
            f"{device} is not on a machine of the agency. Use one that is, or say that a private "
            "machine is meant to be let in."
        )
        self.device = device


class OpsKeyMissing(MembershipError):
    """This device holds no ops key, so it decides nothing about others."""

    def __init__(self) -> None:
        super().__init__(
            "This device does not decide about others. Ask an ops holder of your agency, whose "
            "device does."
        )


class SecretAwaited(MembershipError):
    """A linked device does not hold yet what the agency's invitations are made of."""

    def __init__(self) -> None:
        super().__init__(
            "This device does not know yet what your agency's invitations are made of. Synchronise "
            "the device that approved it, then this one; or invite from there."
        )


class SnapshotAwaited(MembershipError):
    """A linked device says nothing about cases before it knows how they stand."""

    def __init__(self) -> None:
        super().__init__(
            "Nothing was sealed: this device does not know yet how its cases stand. Ask a "
            "colleague to give it a snapshot, then synchronise."
        )


class SnapshotRefused(MembershipError):
    """A snapshot is not taken in, or not given.

    Attributes:
        reason: `approvals`, `digest`, `form`, `giver`, `roles` or `size`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The snapshot was refused ({reason}) and nothing of it was kept. Have another one "
            "given, by a device that may see as much as the new one."
        )
        self.reason = reason


class AttachmentError(QuietwayError):
    """Something about a file beside a message."""


class AttachmentGone(AttachmentError):
    """The relay does not have the file any more: its time is over, or its sender took it back."""

    def __init__(self) -> None:
        super().__init__(
            "The relay does not have this file any more: it is kept for 30 days, and its sender "
            "can take it back before. Ask them to send it again."
        )


class AttachmentRefused(AttachmentError):
    """What the relay has is not the file that was sent, or its sender told two stories."""

    def __init__(self) -> None:
        super().__init__(
            "This file is not, byte for byte, the one that was sent, so nothing was written. "
            "Fetch it once more; if it goes on, tell its sender and the relay's operator."
        )


_UNFIT: Final = {
    "unreadable": "The file can't be read. Check its name, and that you may read it.",
    "changed": "The file changed while it was read, so nothing was sent. Close the program that "
    "writes it, then send it again.",
    "too_large": "The file is larger than this relay takes. Send a smaller one, or ask the "
    "relay's operator to allow more.",
    "staging_gone": "The sealed copy of a file that was on its way is gone, so it can't go on. "
    "Send the file again.",
    "folder_refused": "Nothing can be written into that folder. Name one that exists and that "
    "you may write to.",
    "name_taken": "That folder is full of files of this name. Name another folder.",
    "animated": "Moving pictures can't be cleaned of what they tell about a place. Send one of "
    "them, as PNG or JPEG.",
    "archive": "What is packed into one file is not looked through. Unpack it, and send its files "
    "one by one.",
    "cleaner_failed": "The file made the program fail that cleans it, so it was not sent. Print it "
    "to PDF or take a screenshot of it, and send that.",
    "damaged": "The file is not whole, or not as its kind asks. Open it in the program it comes "
    "from, save it anew, and send that.",
    "encrypted": "The file is locked with a password, so it can't be cleaned. Save it without one: "
    "it is sealed here in any case.",
    "mislabelled": "The file is not what its name says. Give it the ending of what it is, and send "
    "it again; if it came from somebody else, do not open it.",
    "moving": "Video and sound can't be cleaned of what they tell about a place. Write down what "
    "matters, or send single pictures as JPEG or PNG.",
    "not_utf8": "The text is in an encoding that can't be told. Save it as UTF-8, and send that.",
    "office": "Of office files only DOCX can be cleaned. Save it as PDF, and send that.",
    "too_large_to_clean": "Files of more than 64 MiB are not cleaned, so they are not sent. Make "
    "it smaller, or send it in parts.",
    "too_many_pages": "The file has more pages than are cleaned (2,000 of a PDF, 100 of a TIFF). "
    "Send it in parts.",
    "too_many_pixels": "The picture has more than 50 million pixels, or far more than its size can "
    "hold. Make it smaller, and send that.",
    "too_much_inside": "The file unpacks to far more than its size, as files do that are made to "
    "do harm. Do not open it if it came from somebody else; print your own to PDF.",
    "too_slow": "Cleaning the file took too long. Send it in parts, or print it to PDF and send "
    "that.",
    "too_much_text": "The file holds more words than can be read for places (a million "
    "characters). Send it in parts.",
    "unknown_type": "This kind of file can't be cleaned of what it says besides what it shows. "
    "Send a PDF, a DOCX, a picture (JPEG, PNG, WebP, HEIC, AVIF, TIFF) or plain text.",
    "unmade_redaction": "Parts of the file are marked to be blacked out, and still stand beneath. "
    "Apply the redactions in the program that made them, and send what it saves.",
}
"""What to do next, by reason."""


class AttachmentUnfit(AttachmentError):
    """A file can't be read, sent or written as it is.

    Attributes:
        reason: `unreadable`, `changed`, `too_large`, `staging_gone`, `folder_refused` or
            `name_taken`; or why it can't be cleaned, as docs/spec/cleaning.md lists it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(_UNFIT[reason])
        self.reason = reason


class WebhookRefused(QuietwayError):
    """What came to a webhook's receiver is not to be believed.

    Attributes:
        why: What is wrong with it.
    """

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The webhook is not believed: {why}. Answer 401 and do nothing; if it goes on, give "
            "sender and receiver one new secret."
        )
        self.why = why


class NotFound(QuietwayError):
    """This store holds nothing by that id."""

    def __init__(self, what: str, listed_by: str = "quietway inbox") -> None:
        super().__init__(f"{what} is not in this store. `{listed_by}` lists what is.")
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
