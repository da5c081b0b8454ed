"""`quietway crisis`: call several agencies together, see how it stands, close it.

Whoever leads says who takes part; what is said goes to those and to nobody else.

Spec: docs/reference/desk.md, "quietway crisis".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from quietway_desk import options
from quietway_desk.asking import ask_code, check_code, check_codes, read_words
from quietway_desk.commands import huddle
from quietway_desk.crises import Teller
from quietway_desk.naming import call_id, find_alert, find_crisis
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import remark, say, show_json
from quietway_desk.session import find_partner, hand_over, opened, talk
from quietway_desk.times import show_instant
from quietway_desk.words import tell_sent

if TYPE_CHECKING:
    from quietway import Alert, Client, Partner
    from quietway.content import AgencyId, CaseRef

app = typer.Typer(
    help="Call several agencies together, see how it stands, close it.", no_args_is_help=True
)


@app.command("activate")
def activate(
    context: typer.Context,
    case: Annotated[
        str | None, typer.Argument(metavar="CASE", help="As case_...; else that of --alert.")
    ] = None,
    alert: Annotated[
        str | None, typer.Option("--alert", metavar="ALERT", help="The alert it came out of.")
    ] = None,
    because: Annotated[
        list[str] | None,
        typer.Option(
            "--because",
            metavar="CODE",
            callback=check_codes("crisis_criterion"),
            help="By which criterion; may be repeated.",
        ),
    ] = None,
    kind: Annotated[str | None, options.code_option("--kind", "event_type", "Which kind.")] = None,
    partners: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="CODE", help="Whom to call, in order; may be repeated."),
    ] = None,
    *,
    mode: Annotated[
        str, options.code_option("--mode", "communication_mode", "How they talk.")
    ] = "huddle_room",
    within: Annotated[
        int,
        typer.Option("--within", metavar="MINUTES", min=1, help="How long each has to answer."),
    ] = 10,
    lead: Annotated[
        str | None, typer.Option("--lead", metavar="CODE", help="Who leads, against the table.")
    ] = None,
    exercise: Annotated[bool, typer.Option("--exercise", help="A drill.")] = False,
) -> None:
    """Call partners together about a case. Who leads follows from a table, and is told first.

    Where it came out of an alert, somebody else has to have corroborated that before.

    Try this:

      quietway crisis activate --alert 3f9a01c7 --because imminent_harm --with CITYPD --with HARBOR
    """
    criteria = because or [
        ask_code(None, "--because", "crisis_criterion", "What makes it a crisis?")
    ]
    event_type = ask_code(kind, "--kind", "event_type", "What kind of crisis?")
    with opened(context) as client:
        talk(client)
        came_of = None if alert is None else find_alert(client, alert)
        about = _find_case(case, came_of)
        event = client.crises.activate(
            about,
            criteria=criteria,
            event_type=event_type,
            partners=_find_partners(client, about, partners or []),
            mode=mode,
            within_min=within,
            lead=None if lead is None else find_partner(client, lead),
            alert=None if came_of is None else came_of.alert_id,
            verify_state="unverified" if came_of is None else came_of.verification,
            exercise=exercise or (came_of is not None and came_of.exercise),
        )
        hand_over(client)
        teller = Teller(client, client.crises.show(event))
    say(f"The event is called {call_id(event)}.")
    say(teller.tell_line())
    remark(
        "They are called one after the other, as each answers or its time is over: leave "
        "`quietway watch` running."
    )


@app.command("list")
def list_crises(
    context: typer.Context,
    *,
    exercise: Annotated[
        bool, typer.Option("--exercise", help="The drills, and nothing that is real.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List the events that this agency was called to, the newest last.

    Try this:

      quietway crisis list
    """
    with opened(context) as client:
        talk(client)
        found = [Teller(client, held) for held in client.crises.list(exercise=exercise)]
        if as_json:
            show_json([held.write() for held in found])
            return
        for held in found:
            say(held.tell_line())
    if not found:
        say("There is no event.")


@app.command("show")
def show(
    context: typer.Context,
    event: options.Event,
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Show what is here already; don't ask the relay.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Show an event: who leads, who takes part, what is to be done, what was decided and said.

    Try this:

      quietway crisis show 3f9a01c7
    """
    with opened(context) as client:
        if not offline:
            talk(client)
        teller = Teller(client, find_crisis(client, event))
        if as_json:
            show_json([teller.write()])
        else:
            teller.show()


@app.command("answer")
def answer(
    context: typer.Context,
    event: options.Event,
    *,
    decline: Annotated[bool, typer.Option("--decline", help="You can't take part.")] = False,
) -> None:
    """Say that you take part, or that you can't. Whoever takes part gets a summary first.

    Try this:

      quietway crisis answer 3f9a01c7
    """
    with opened(context) as client:
        talk(client)
        crisis = find_crisis(client, event)
        sent = client.crises.answer(crisis.event_id, "decline" if decline else "accept")
        hand_over(client)
        tell_sent(client, sent)


@app.command("summary")
def summary(context: typer.Context, event: options.Event) -> None:
    """Say to all who take part where it stands, made of codes.

    Try this:

      quietway crisis summary 3f9a01c7
    """
    with opened(context) as client:
        talk(client)
        tell_sent(client, client.crises.summary(find_crisis(client, event).event_id))


@app.command("note")
def note(
    context: typer.Context,
    event: options.Event,
    did: Annotated[
        list[str],
        typer.Option(
            "--did",
            metavar="CODE",
            callback=check_codes("event_note"),
            help="What your agency did; may be repeated.",
        ),
    ],
    *,
    words: Annotated[
        bool, typer.Option("--words", help="Add a few words, typed or piped in.")
    ] = False,
) -> None:
    """Write down what your agency did. Nothing is closed before each has, or it is said why not.

    Try this:

      quietway crisis note 3f9a01c7 --did took_part --did contact_made
    """
    text = read_words("A few words; name nobody and no place.") if words else None
    with opened(context) as client:
        talk(client)
        crisis = find_crisis(client, event)
        tell_sent(client, client.crises.note(crisis.event_id, did, text=text))


@app.command("close")
def close(
    context: typer.Context,
    event: options.Event,
    outcome: Annotated[
        str | None, options.code_option("--outcome", "event_outcome", "How it ended.")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without", metavar="CODE=WHY", help="An agency whose note is missing, and why."
        ),
    ] = None,
) -> None:
    """Close an event that your agency leads. It says when its review is due.

    Each agency that took part has left its note, or you say with a code why it is missing. A
    summary made of codes goes to all who took part.

    Try this:

      quietway crisis close 3f9a01c7 --outcome danger_over

      quietway crisis close 3f9a01c7 --outcome danger_over --without CITYPD=no_answer
    """
    chosen = ask_code(outcome, "--outcome", "event_outcome", "How did it end?")
    with opened(context) as client:
        talk(client)
        crisis = find_crisis(client, event)
        missing: dict[AgencyId | Partner | str, str] = dict(
            _read_missing(client, named) for named in without or ()
        )
        sent = client.crises.close(crisis.event_id, chosen, missing=missing)
        tell_sent(client, sent)
        review = client.reviews.show(crisis.event_id)
    say(f"Its review is due {show_instant(review.due)}: quietway debrief show {event}")


for _name, _command in (
    ("say", huddle.say),
    ("invite", huddle.invite),
    ("remove", huddle.remove),
    ("leave", huddle.leave),
    ("role", huddle.role),
    ("action", huddle.action),
    ("decide", huddle.decide),
    ("checkin", huddle.checkin),
    ("handover", huddle.handover),
    ("succeed", huddle.succeed),
    ("logistics", huddle.logistics),
):
    app.command(_name)(_command)


def _read_missing(client: Client, named: str) -> tuple[AgencyId, str]:
    code, _, reason = named.partition("=")
    check_code("missing_note_reason")(reason)
    return find_partner(client, code).agency_id, reason


def _find_case(case: str | None, alert: Alert | None) -> CaseRef | str:
    if case is not None:
        return case
    if alert is None:
        raise UsageRefused("Name the case, or the alert that it came out of with --alert.")
    return alert.case


def _find_partners(client: Client, case: CaseRef | str, names: list[str]) -> list[Partner]:
    if names:
        return [find_partner(client, name) for name in names]
    told = client.consent.who_would_be_told(client.cases.find(case).case_ref, "crisis.activate")
    remark("Who may be told now:")
    for held in told:
        remark(f"  {held.agency_code}: {'yes' if held.allowed else 'NO'}. {held.why}")
    raise UsageRefused("Name with --with whom to call, in their order.")
