"""What is said and done in an event: the commands below `quietway crisis` for whoever takes part.

Texts are typed or piped, never an option. A time is said in minutes from now.

Spec: docs/reference/desk.md, "quietway crisis".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from quietway_desk import options
from quietway_desk.asking import ask_code, read_words
from quietway_desk.naming import (
    call_device,
    call_id,
    demand_member,
    find_begun,
    find_colleague,
    find_crisis,
    find_member,
)
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import remark
from quietway_desk.screen import say as show_text
from quietway_desk.session import find_partner, opened, talk
from quietway_desk.session import hand_over as pass_on
from quietway_desk.times import show_instant
from quietway_desk.words import tell_sent

if TYPE_CHECKING:
    from quietway import Client, Crisis, Partner

MINUTE_MS: Final = 60_000

Minutes = Annotated[int, typer.Option("--in", metavar="MINUTES", min=1, help="In how long.")]


def say(context: typer.Context, event: options.Event) -> None:
    """Say something to all who take part, and to nobody else. The words are typed or piped in.

    Try this:

      quietway crisis say 3f9a01c7 < words.txt
    """
    words = read_words("To all who take part; name nobody and no place.")
    with opened(context) as client:
        crisis = _begin(client, event)
        tell_sent(client, client.crises.say(crisis.event_id, words))


def invite(
    context: typer.Context,
    event: options.Event,
    who: Annotated[
        str, typer.Argument(metavar="WHO", help="A partner, as MERCY, or a colleague's device.")
    ],
) -> None:
    """Call a further partner, or bring in a colleague. Whoever comes in gets a summary first.

    A partner takes part once somebody there answers; a colleague's device at once.

    Try this:

      quietway crisis invite 3f9a01c7 CITYPD

      quietway crisis invite 3f9a01c7 kx3v7q2a
    """
    with opened(context) as client:
        crisis = _begin(client, event)
        colleague = find_colleague(client, who)
        asked = find_partner(client, who) if colleague is None else colleague
        client.crises.invite(crisis.event_id, asked)
        pass_on(client)
    if colleague is None:
        show_text(f"{who} is called. It takes part once somebody there answers.")
    else:
        show_text(f"{who} takes part.")


def remove(
    context: typer.Context,
    event: options.Event,
    who: Annotated[str, typer.Argument(metavar="WHO", help="A partner, or a member's device.")],
) -> None:
    """Put somebody out: nothing that is said from now on goes there, and what waits is taken back.

    Try this:

      quietway crisis remove 3f9a01c7 CITYPD
    """
    with opened(context) as client:
        crisis = _begin(client, event)
        member = find_member(crisis, who)
        gone = find_partner(client, who) if member is None else member
        client.crises.remove(crisis.event_id, gone)
        pass_on(client)
    show_text(f"{who} takes part no more. What they were told, they have.")


def leave(context: typer.Context, event: options.Event) -> None:
    """Take part no more: nothing of it comes here from now on.

    Try this:

      quietway crisis leave 3f9a01c7
    """
    with opened(context) as client:
        crisis = _begin(client, event)
        tell_sent(client, client.crises.leave(crisis.event_id))


def role(
    context: typer.Context,
    event: options.Event,
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="A member's device.")],
    code: Annotated[str | None, options.code_option("--as", "huddle_role", "What.")] = None,
) -> None:
    """Say what somebody does there. An observer reads along and says nothing.

    Try this:

      quietway crisis role 3f9a01c7 kx3v7q2a --as scribe
    """
    chosen = ask_code(code, "--as", "huddle_role", "What do they do?")
    with opened(context) as client:
        crisis = _begin(client, event)
        member = demand_member(crisis, device)
        tell_sent(client, client.crises.assign_role(crisis.event_id, member, chosen))


def action(
    context: typer.Context,
    event: options.Event,
    code: Annotated[
        str | None, options.code_option("--code", "urgent_action", "What is to be done.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="CODE", help="Who sees to it; else you.")
    ] = None,
    minutes: Minutes = 60,
    update: Annotated[
        str | None, typer.Option("--update", metavar="ACTION", help="One that is there already.")
    ] = None,
    state: Annotated[
        str, options.code_option("--state", "action_state", "How it stands.")
    ] = "done",
) -> None:
    """Ask somebody who takes part for something, by a time; or say how it stands.

    Try this:

      quietway crisis action 3f9a01c7 --code arrange_transport --owner CITYPD --in 30

      quietway crisis action 3f9a01c7 --update 81c0aa57 --state done
    """
    if update is not None:
        _update(context, event, update, state)
        return
    chosen = ask_code(code, "--code", "urgent_action", "What is to be done?")
    with opened(context) as client:
        crisis = _begin(client, event)
        whose = find_owner(client, owner)
        due = client.now() + minutes * MINUTE_MS
        made = client.crises.add_action(crisis.event_id, chosen, owner=whose, due_at=due)
        pass_on(client)
    show_text(f"It is called {call_id(made)}, and due {show_instant(due)}.")


def decide(
    context: typer.Context,
    event: options.Event,
    ground: Annotated[
        str | None, options.code_option("--ground", "decision_rationale", "What it rests on.")
    ] = None,
) -> None:
    """Log a decision. The words are typed or piped in.

    Try this:

      quietway crisis decide 3f9a01c7 --ground survivor_choice < words.txt
    """
    chosen = ask_code(ground, "--ground", "decision_rationale", "What does it rest on?")
    words = read_words("What was decided; name nobody and no place.")
    with opened(context) as client:
        crisis = _begin(client, event)
        tell_sent(client, client.crises.decide(crisis.event_id, words, rationale=chosen))


def checkin(
    context: typer.Context,
    event: options.Event,
    minutes: Annotated[
        int | None, typer.Option("--in", metavar="MINUTES", min=1, help="In how long.")
    ] = None,
    none: Annotated[
        str | None, options.code_option("--none", "no_checkin_reason", "There is none: why.")
    ] = None,
) -> None:
    """Say when all meet again, or why they don't. Without it nothing is closed.

    Try this:

      quietway crisis checkin 3f9a01c7 --in 60

      quietway crisis checkin 3f9a01c7 --none danger_over
    """
    if (minutes is None) == (none is None):
        raise UsageRefused("Say either --in MINUTES, or --none with the reason.")
    with opened(context) as client:
        crisis = _begin(client, event)
        at = None if minutes is None else client.now() + minutes * MINUTE_MS
        tell_sent(client, client.crises.set_checkin(crisis.event_id, at, no_checkin_reason=none))


def handover(
    context: typer.Context,
    event: options.Event,
    to: Annotated[
        str | None, typer.Option("--to", metavar="DEVICE", help="Whom you ask to lead.")
    ] = None,
    *,
    accept: Annotated[bool, typer.Option("--accept", help="You were asked, and will.")] = False,
    decline: Annotated[bool, typer.Option("--decline", help="You were asked, and can't.")] = False,
) -> None:
    """Ask somebody who takes part to lead, or answer. Until it is accepted nothing changes.

    Try this:

      quietway crisis handover 3f9a01c7 --to kx3v7q2a

      quietway crisis handover 3f9a01c7 --accept
    """
    if (to is not None) + accept + decline != 1:
        raise UsageRefused("Say one of --to DEVICE, --accept and --decline.")
    with opened(context) as client:
        crisis = _begin(client, event)
        if to is None:
            answer = client.crises.accept_lead if accept else client.crises.decline_lead
            tell_sent(client, answer(crisis.event_id))
            return
        asked = demand_member(crisis, to)
        tell_sent(client, client.crises.hand_over(crisis.event_id, asked))
        remark(f"You lead until {call_device(asked)} accepts.")


def succeed(context: typer.Context, event: options.Event) -> None:
    """Go on for a colleague whose device is lost or revoked: yours says who takes part from now on.

    It is for a device that takes part, of the agency that leads. The lost one is left out.

    Try this:

      quietway crisis succeed 3f9a01c7
    """
    with opened(context) as client:
        crisis = _begin(client, event)
        tell_sent(client, client.crises.succeed(crisis.event_id))


def logistics(
    context: typer.Context,
    event: options.Event,
    to: Annotated[
        list[str],
        typer.Option("--to", metavar="DEVICE", help="A member's device; up to three times."),
    ],
    kind: Annotated[
        str | None, options.code_option("--kind", "logistics_kind", "What is arranged.")
    ] = None,
    minutes: Minutes = 30,
    lasts: Annotated[
        int, typer.Option("--for", metavar="MINUTES", min=0, help="How long the time lasts.")
    ] = 60,
) -> None:
    """Tell up to three people what is arranged, for a day at most. It has no place.

    The place is said by phone, once both sides have read each other their two words.

    Try this:

      quietway crisis logistics 3f9a01c7 --kind transport --to kx3v7q2a --in 30 --for 60
    """
    chosen = ask_code(kind, "--kind", "logistics_kind", "What is arranged?")
    with opened(context) as client:
        crisis = _begin(client, event)
        begins = client.now() + minutes * MINUTE_MS
        made = client.crises.send_logistics(
            crisis.event_id,
            chosen,
            to=[demand_member(crisis, name) for name in to],
            window_from=begins,
            window_to=begins + lasts * MINUTE_MS,
        )
        tell_sent(client, made.sent)
    show_text(f"Words: {made.words}. Whoever calls says the first two, the other the last two.")
    remark("Say the place by phone, after the words, and write it nowhere.")


def _begin(client: Client, event: str) -> Crisis:
    talk(client)
    return find_crisis(client, event)


def _update(context: typer.Context, event: str, name: str, state: str) -> None:
    with opened(context) as client:
        crisis = _begin(client, event)
        ids = [held.action_id for held in crisis.actions]
        found = find_begun(name, ids, "An action", f"quietway crisis show {event}")
        tell_sent(client, client.crises.update_action(crisis.event_id, found, state))


def find_owner(client: Client, name: str | None) -> Partner | None:
    """Find whose something is: a partner, or one's own agency, also where nobody is named.

    Raises:
        UnknownPartner: There is none of that name.
    """
    if name is None or name.strip().casefold() == client.program.partition("-")[0].casefold():
        return None
    return find_partner(client, name)
