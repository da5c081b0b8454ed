"""`quietway watch`: stay connected, and show what comes as it comes.

Spec: docs/reference/desk.md, "quietway watch".
"""

from typing import Final, assert_never

import typer

from quietway import (
    AgencyGone,
    AgencyRemoved,
    AgreementSigned,
    AlertClaimed,
    AlertRaised,
    AlertReleased,
    AlertsDigested,
    AlertUnanswered,
    Client,
    ConnectionBack,
    ConnectionLost,
    ConsentChanged,
    CrisisCalled,
    DeadLettered,
    DeviceLeaving,
    DeviceProposed,
    DrillInject,
    ErasingPaused,
    Event,
    ExpiredUnread,
    ForkFound,
    GapSeen,
    HeldBack,
    LogUnproven,
    OnCallGap,
    OnCallUnreachable,
    OwnDevicesChanged,
    PartnerStandingChanged,
    Quarantined,
    Received,
    RollbackSilent,
    SentStored,
    SnapshotOffered,
    SnapshotTaken,
    ToldOtherwise,
    UnknownOwnVersion,
)
from quietway_desk.alarms import ring, show_alarm
from quietway_desk.screen import remark, warn
from quietway_desk.session import note_access, opened, talk, tell_alarm
from quietway_desk.words import show_received

OF_ALERTS: Final = "alert."


def watch(context: typer.Context) -> None:
    """Stay connected and show what comes, until Ctrl-C.

    What you wrote while the relay could not be reached goes out by itself.

    Try this:

      quietway watch
    """
    with opened(context) as client:
        talk(client)
        remark("Watching. Ctrl-C ends it; nothing is lost.")
        _show_events(client)


def _show_events(client: Client) -> None:
    for event in client.events():
        _show_event(client, event)


def _open(client: Client, message: Received) -> None:
    # An alert rings, and says nothing about its case on a screen that nobody may be looking at.
    if message.content.type.startswith(OF_ALERTS):
        return
    note_access(client, "open", messages=[message.message_id])
    show_received(message)
    client.messages.mark_opened(message)


def _show_event(client: Client, event: Event) -> None:  # noqa: C901, PLR0912, PLR0915 - one case for each event, and nothing else
    match event:
        case Received():
            _open(client, event)
        case SentStored():
            remark("Delivered to the relay.")
        case GapSeen():
            warn("Something from a partner is missing here. It may still come; if not, ask them.")
        case ToldOtherwise():
            warn(
                "A partner quotes another text than the one that is here. Look at the "
                "conversation, and ask both sides by another way."
            )
        case ExpiredUnread():
            warn(
                "Nobody confirmed a message of yours before it expired. See `quietway outbox`, and "
                "ask its recipients by another way."
            )
        case DeadLettered():
            warn(
                "A message could not be opened and was put aside. Ask the sender to send it again."
            )
        case AgreementSigned():
            remark(f"Every agency has signed the agreement {event.name}, version {event.version}.")
        case Quarantined():
            warn(
                "Something came that a device signed which its agency no longer vouches for. It "
                "was kept aside and is not shown. Tell that agency."
            )
        case AgencyGone():
            warn(str(AgencyRemoved(event.agency_code)))
        case OwnDevicesChanged():
            warn(
                f"The devices of your agency changed: {len(event.added)} came, "
                f"{len(event.departed)} left. If nobody told you of that, ask at once."
            )
        case ForkFound() | LogUnproven() | UnknownOwnVersion():
            warn(tell_alarm(event, {}))
        case DeviceProposed():
            warn(
                "An admin of your agency asks for a second approval of a device. Approve it only "
                "after you have compared the words with its user."
            )
        case DeviceLeaving():
            warn("A device of your agency was wiped. An admin has to retire it.")
        case SnapshotOffered():
            remark("A snapshot of your cases is offered to a new device. Admins approve it.")
        case SnapshotTaken():
            if event.problem:
                warn(event.problem)
            else:
                remark("What your agency knows of its cases is here now.")
        case OnCallGap():
            warn(f"Nobody would be reached as {event.tier}. See: quietway oncall gaps")
        case OnCallUnreachable():
            warn(
                "You are on call, and an alert would not arrive here. Call whoever is on call "
                "next, and look at the network. See: quietway oncall show"
            )
        case PartnerStandingChanged():
            warn(f"A colleague decided about a partner: {event.stance}. See: quietway partner list")
        case ConnectionLost():
            remark("The relay is out of reach. Trying again; what you write is kept.")
        case ConnectionBack():
            remark("Connected again.")
        case ErasingPaused():
            warn(event.problem)
        case ConsentChanged():
            warn(
                "Consent about a case changed. "
                + ("What the partner said of it is not shown now." if event.held_back else "")
            )
        case CrisisCalled():
            ring()
            warn(
                ("EXERCISE. " if event.exercise else "")
                + "A partner calls your agency to a crisis. Answer it: quietway crisis list"
            )
        case HeldBack():
            remark("Something came about a case that is paused. It is kept, and not shown.")
        case RollbackSilent():
            warn("A partner has not confirmed that it deleted what was asked. Call them.")
        case (
            AlertRaised() | AlertsDigested() | AlertClaimed() | AlertReleased() | AlertUnanswered()
        ):
            show_alarm(client, event)
        case DrillInject():
            remark(f"EXERCISE. {event.words}")
        case _:
            assert_never(event)
