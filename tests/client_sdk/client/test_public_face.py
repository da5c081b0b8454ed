"""The public face: its names, that each is documented, and that importing costs little."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import quietway
import quietway.checking
import quietway.codes
import quietway.content
import quietway.errors
import quietway.testing
from quietway.blocking import cases, client, faces, guard, oncall

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "sdk.md"
PUBLIC_NAMES = [
    "Drill",
    "DrillScore",
    "EventReview",
    "Scenario",
    "read_scenario",
    "AccessEntry",
    "AccessFileRefused",
    "AccessLog",
    "AccessReport",
    "Added",
    "Advice",
    "AdvocateWait",
    "AgencyAgreement",
    "AgencyEntry",
    "AgencyGap",
    "AgencyGone",
    "AgencyRemoved",
    "AgencyStanding",
    "AgendaItem",
    "AgreementRefused",
    "AgreementReport",
    "AgreementSigned",
    "Alert",
    "AlertBroadcast",
    "AlertClaim",
    "AlertClaimed",
    "AlertError",
    "AlertRaised",
    "AlertReleased",
    "AlertTier",
    "AlertUnanswered",
    "AlertVerified",
    "AlertsDigested",
    "AnotherLog",
    "AsyncClient",
    "AsyncLockedDevice",
    "Attachment",
    "AttachmentError",
    "AttachmentGone",
    "AttachmentRefused",
    "AttachmentUnfit",
    "Backup",
    "BackupExists",
    "BackupRefused",
    "BarrierHistory",
    "BoardLine",
    "CaseBoard",
    "CaseConsent",
    "CaseState",
    "CaseSummary",
    "ChannelProposal",
    "Clarification",
    "Client",
    "ClockDoubted",
    "ClockError",
    "Concern",
    "ConnectionBack",
    "ConnectionLost",
    "ConsentChanged",
    "ConsentReport",
    "ContactEntry",
    "ContentRefused",
    "Contradiction",
    "Conversation",
    "ConversationEntry",
    "CoverDevice",
    "CoverGap",
    "CoverTier",
    "Crew",
    "Crisis",
    "CrisisCalled",
    "Custodian",
    "DataUse",
    "DataUseUnread",
    "DeadLettered",
    "DeviceLeaving",
    "DeviceLocked",
    "DeviceOffer",
    "DeviceProposed",
    "DeviceRequest",
    "DictionaryRefused",
    "DictionaryReport",
    "DirectoryRefused",
    "DirectoryStale",
    "Disclosure",
    "DrillInject",
    "Due",
    "DuplicateReferral",
    "ErasingPaused",
    "Escalated",
    "EscalationStep",
    "Event",
    "EvidenceRefused",
    "ExpiredUnread",
    "Fetched",
    "Finding",
    "FingerprintDiffers",
    "ForkEvidence",
    "ForkFound",
    "Gap",
    "GapSeen",
    "GuardFailed",
    "GuardRule",
    "Hardened",
    "HeldBack",
    "Holder",
    "HuddleSaid",
    "IdentityChanged",
    "ImportRefused",
    "Indicators",
    "InsecureRelay",
    "Invitation",
    "LaneAwaited",
    "Lead",
    "LeadChoice",
    "LeadUnknown",
    "LegalHold",
    "LinkRefused",
    "ListedPhrase",
    "LocationFound",
    "LockedDevice",
    "LogAlarm",
    "LogForked",
    "LogGap",
    "LogRolledBack",
    "LogStanding",
    "LogUnproven",
    "Look",
    "MembershipError",
    "NoRoom",
    "NobodyToCall",
    "NotAgencyOwned",
    "NotCorroborated",
    "NotesOwed",
    "NotFound",
    "NotPartners",
    "NotPermitted",
    "NotTakenIn",
    "NotYetApproved",
    "Offered",
    "OfferedLead",
    "OnCall",
    "OnCallChange",
    "OnCallGap",
    "OnCallUnreachable",
    "OpenInvitation",
    "OpeningProgress",
    "OpsKeyMissing",
    "Order",
    "OutboxEntry",
    "OutboxState",
    "OutpacedByColleague",
    "OverQuota",
    "Override",
    "OverrideRecord",
    "OverrideReport",
    "OverrideRequest",
    "OwnDevice",
    "OwnDevicesChanged",
    "Page",
    "Partner",
    "PartnerConsent",
    "PartnerDevice",
    "PartnerEnded",
    "PartnerPaused",
    "PartnerStandingChanged",
    "PassphraseParameters",
    "PassphraseTooWeak",
    "PepperMissing",
    "PhoneNumber",
    "PhoneScript",
    "Proposal",
    "Quarantined",
    "QuietwayError",
    "Received",
    "RecoveryError",
    "RecoveryFile",
    "RecoveryFileRefused",
    "RecoverySheet",
    "Referral",
    "ReferralStep",
    "RelayError",
    "RelayPutBack",
    "RelayRefused",
    "RelayUnreachable",
    "ReleaseShown",
    "Reminder",
    "Review",
    "ReviewLine",
    "RoleRefused",
    "RollbackSilent",
    "RootOffline",
    "Rota",
    "RuleRate",
    "Ruling",
    "Said",
    "SecretAwaited",
    "Section",
    "Sent",
    "SentAlert",
    "SentLogistics",
    "SentStored",
    "Shift",
    "SnapshotAwaited",
    "SnapshotOffer",
    "SnapshotOffered",
    "SnapshotRefused",
    "SnapshotTaken",
    "StandingReport",
    "StatusEntry",
    "StewardNeeded",
    "StorageFull",
    "StoreDamaged",
    "StoreError",
    "StoreExists",
    "StoreInUse",
    "StoreMissing",
    "StoreRolledBack",
    "StoreTooNew",
    "SweepReport",
    "SyncProgress",
    "SyncReport",
    "TextFinding",
    "TimelineEntry",
    "Told",
    "ToldOtherwise",
    "TooFewCustodians",
    "TransferProgress",
    "TrustError",
    "UnknownOwnVersion",
    "UnknownPartner",
    "Unreachable",
    "VerifiedAccess",
    "WaitsForSecond",
    "WebhookEvent",
    "WebhookRefused",
    "Wiped",
    "Withdrawal",
    "WithdrawnCopy",
    "WordsRefused",
    "WrongPassphrase",
    "__version__",
    "harden_process",
    "has_request",
    "has_store",
    "make_custodian",
    "read_webhook",
    "verify_access_file",
    "verify_evidence",
]
PUBLIC_METHODS = {
    "Client": "aclose agency_id backup change_passphrase close device_id doctor events fingerprint "
    "fingerprint_words forward_events found home inbox join lock now open outbox program "
    "read_offer recover_agency relay_url request_link restore sync wake_through wipe withdraw",
    "LockedDevice": "alarms believed_now close erase_due home listen open unlock wakes",
    "OnCall": "accept_swap calendar changes gaps of offer_swap override publish rotas set_rota "
    "show withdraw",
    "Partners": "add cut_off devices end find invitations invite list pause restore resume verify "
    "withdraw_invitation",
    "Referrals": "acknowledge advocates answer cancel feedback feedback_due find list open "
    "outcome reopen request_advocate route send uptake",
    "Escalations": "list raise_ resolve",
    "Alerts": "broadcasts claim decline hand_off list phone_script release second send show verify",
    "Due": "list",
    "Contacts": "agenda ask list log log_call missing propose_channel publish publish_profile "
    "questions report_problem show",
    "Status": "board set",
    "Crises": "accept_lead activate add_action answer assign_role close compare_words decide "
    "decline_lead hand_over invite leave list note remove say send_logistics set_checkin show "
    "show_lead show_words succeed summary update_action",
    "Reviews": "add_item follow list record show update_item",
    "Drills": "end event list reflect scenarios score scores show start",
    "Board": "answer_action list set_action set_barrier set_relocation show",
    "CaseLead": "accept assign confirm decline offer show tell withdraw",
    "Cases": "advise barriers concerns due export_timeline find indicators link list note_change "
    "note_progress note_respondent note_risk open progress review set_status timeline",
    "Messages": "conversation conversations mark_opened receipts send",
    "Guard": "check_file check_text confirm explain inspect list_rules override overrides requests",
    "GuardLists": "allow deny list remove",
    "Log": "acknowledge alarms evidence export standing",
    "Attachments": "fetch go_on list send withdraw",
    "Devices": "acknowledge approve approve_snapshot changes confirm decline give_snapshot list "
    "offer proposals retire revoke set_roles share snapshots",
    "Agreements": "draft due_for_review end explain list share show sign take",
    "Agency": "admit_ops_key ask_for_ops_key attest dismiss_ops_key name_custodians ops_keys "
    "recovery_sheet review standing take_root_offline",
}


@pytest.mark.requirement("D04")
def test_the_public_names_are_these_and_no_others() -> None:
    """D04: a stable API. A name that goes or comes is a decision, and changes this list."""
    assert sorted(quietway.__all__) == sorted(PUBLIC_NAMES)
    assert sorted(dir(quietway)) == sorted(PUBLIC_NAMES)
    for name in PUBLIC_NAMES:
        assert getattr(quietway, name) is not None
    with pytest.raises(AttributeError):
        quietway.__getattr__("Nothing")


@pytest.mark.requirement("D04")
def test_the_public_methods_are_these_and_no_others() -> None:
    """D04: a stable API, method by method."""
    for name, methods in PUBLIC_METHODS.items():
        found = {
            held
            for held in dir(
                getattr(client, name, None)
                or getattr(cases, name, None)
                or getattr(guard, name, None)
                or getattr(oncall, name, None)
                or getattr(faces, name)
            )
            if not held.startswith("_")
        }
        assert sorted(found) == methods.split()


@pytest.mark.requirement("D04")
def test_every_error_is_typed_and_is_a_quietway_error() -> None:
    """D04: typed errors under one root, each with a sentence of its own."""
    for name in dir(quietway.errors):
        held = getattr(quietway.errors, name)
        if isinstance(held, type):
            assert issubclass(held, quietway.QuietwayError)
            assert held.__doc__
            assert name in quietway.__all__


def test_every_public_name_is_documented() -> None:
    page = PAGE.read_text(encoding="utf-8")
    documented = set(re.findall(r"`([A-Za-z_.]+)", page))
    named = {part for name in documented for part in name.split(".")}
    everything = [
        *quietway.__all__,
        *quietway.testing.__all__,
        *quietway.content.__all__,
        *quietway.codes.__all__,
        *quietway.checking.__all__,
        *(method for methods in PUBLIC_METHODS.values() for method in methods.split()),
    ]
    assert [name for name in everything if name not in named] == []


@pytest.mark.requirement("D04")
def test_a_program_that_embeds_the_sdk_loads_no_user_interface() -> None:
    """D04: no dependency on a user interface, and importing costs next to nothing."""
    program = (
        "import sys, time; before = time.process_time(); import quietway;"
        "took = time.process_time() - before;"
        "from quietway import AsyncClient, Client; from quietway.testing import Sandbox;"
        "print(took < 0.2, sorted({'typer', 'rich', 'fastapi', 'quietway_desk', 'quietway_server'}"
        " & set(sys.modules)))"
    )
    paths = [str(path) for path in map(Path, sys.path) if path.is_dir()]
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(paths)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "True []"
