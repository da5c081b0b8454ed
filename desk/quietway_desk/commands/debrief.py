"""`quietway debrief`: look back on an event that is over, and follow what was agreed.

Codes come first. Each agency says its own word, and reports on its own items.

Spec: docs/reference/desk.md, "quietway debrief".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from quietway.codes import label_of
from quietway.content import ExposureRisk
from quietway_desk import options
from quietway_desk.asking import ask_code, check_codes, read_words
from quietway_desk.commands.huddle import find_owner
from quietway_desk.naming import call_id, find_begun
from quietway_desk.screen import say, show_facts, show_json
from quietway_desk.session import hand_over, opened, talk
from quietway_desk.times import show_instant, write_instant
from quietway_desk.words import tell_sent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway import Client, EventReview
    from quietway_desk.screen import Facts

app = typer.Typer(
    help="Look back on an event that is over, and follow what was agreed.", no_args_is_help=True
)
DAY_MS: Final = 86_400_000
_SECTIONS: Final = (
    ("Worked well", "worked_well", "aar_strength"),
    ("In the way", "barriers", "aar_barrier"),
    ("Times", "timing", "aar_timing"),
    ("Documentation", "data_gaps", "aar_gap"),
)

Codes = list[str] | None


def _section(option: str, list_name: str, what: str) -> object:
    return typer.Option(
        option,
        metavar="CODE",
        callback=check_codes(list_name),
        help=f"{what}; may be repeated. Of the list {list_name}.",
    )


@app.command("list")
def list_reviews(
    context: typer.Context,
    *,
    exercise: Annotated[
        bool, typer.Option("--exercise", help="Those of drills, and nothing that is real.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List the reviews, with when each is due.

    Try this:

      quietway debrief list
    """
    with opened(context) as client:
        talk(client)
        found, now = client.reviews.list(exercise=exercise), client.now()
    if as_json:
        show_json([_record_of(review) for review in found])
        return
    for review in found:
        say(_tell_line(review, now))
    if not found:
        say("No event is over yet.")


@app.command("show")
def show(context: typer.Context, event: options.Event) -> None:
    """Show a review: what each agency says, in five sections, and what is to change.

    Try this:

      quietway debrief show 3f9a01c7
    """
    with opened(context) as client:
        talk(client)
        review, now = _find_review(client, event), client.now()
    show_facts(_tell_line(review, now), _list_sections(review))
    if review.items:
        drill = "EXERCISE  " if review.exercise else ""
        show_facts(f"{drill}To change", _list_items(review, now))


@app.command("record")
def record(
    context: typer.Context,
    event: options.Event,
    worked_well: Annotated[Codes, _section("--worked-well", "aar_strength", "What did")] = None,
    barriers: Annotated[Codes, _section("--barrier", "aar_barrier", "What was in the way")] = None,
    timing: Annotated[Codes, _section("--timing", "aar_timing", "What to say of times")] = None,
    gaps: Annotated[Codes, _section("--gap", "aar_gap", "What documentation lacked")] = None,
    risks: Annotated[
        Codes, _section("--risk", "aar_exposure", "Where something could have become known")
    ] = None,
) -> None:
    """Say your agency's word on an event; it takes the place of what it said before.

    The word of the agency that led is what holds the review.

    Try this:

      quietway debrief record 3f9a01c7 --worked-well verified_first --gap none
    """
    with opened(context) as client:
        talk(client)
        review = _find_review(client, event)
        sent = client.reviews.record(
            review.event_id,
            worked_well=worked_well or (),
            barriers=barriers or (),
            timing=timing or (),
            data_gaps=gaps or (),
            exposure_risks=[ExposureRisk(code=code) for code in risks or ()],
        )
        tell_sent(client, sent)


@app.command("item")
def item(
    context: typer.Context,
    event: options.Event,
    category: Annotated[
        str | None, options.code_option("--category", "aar_category", "What it is.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="CODE", help="Whose it is; else yours.")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, help="In how many days it is due.")] = 30,
    *,
    words: Annotated[
        bool, typer.Option("--words", help="Add a few words, typed or piped in.")
    ] = False,
) -> None:
    """Say what is to change, whose it is, and until when.

    Try this:

      quietway debrief item 3f9a01c7 --category training_need --owner CITYPD --days 30
    """
    chosen = ask_code(category, "--category", "aar_category", "What is it?")
    text = read_words("A few words; name nobody and no place.") if words else None
    with opened(context) as client:
        talk(client)
        review = _find_review(client, event)
        due = client.now() + days * DAY_MS
        made = client.reviews.add_item(
            review.event_id,
            chosen,
            owner=find_owner(client, owner),
            due=due,
            text=text,
        )
        hand_over(client)
    say(f"It is called {call_id(made)}, and due {show_instant(due)}.")


@app.command("report")
def report(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ITEM", help="As the review shows it.")],
    state: Annotated[
        str | None, options.code_option("--state", "aar_item_state", "How it stands.")
    ] = None,
    reason: Annotated[
        str | None, options.code_option("--reason", "aar_item_reason", "Why it was dropped.")
    ] = None,
) -> None:
    """Say how an item of your agency stands. Nobody else says it.

    Try this:

      quietway debrief report 81c0aa57 --state done
    """
    chosen = ask_code(state, "--state", "aar_item_state", "How does it stand?")
    with opened(context) as client:
        talk(client)
        reviews = (*client.reviews.list(), *client.reviews.list(exercise=True))
        ids = [held.item_id for review in reviews for held in review.items]
        found = find_begun(name, ids, "An item", "quietway debrief list")
        tell_sent(client, client.reviews.update_item(found, chosen, reason_code=reason))


def _find_review(client: Client, name: str) -> EventReview:
    known = (*client.reviews.list(), *client.reviews.list(exercise=True))
    ids = [review.event_id for review in known]
    return client.reviews.show(find_begun(name, ids, "A review", "quietway debrief list"))


def _tell_line(review: EventReview, now: int) -> str:
    drill = "EXERCISE  " if review.exercise else ""
    late = "OVERDUE since" if review.due <= now else "due"
    state = "held" if review.state == "held" else f"{late} {show_instant(review.due)}"
    return f"{drill}{call_id(review.event_id)}  closed {show_instant(review.closed_at)}; {state}"


def _list_sections(review: EventReview) -> Facts:
    facts: Facts = [
        (name, _join(label_of(code_list, line.code) for line in getattr(review, field)))
        for name, field, code_list in _SECTIONS
    ]
    risks = (label_of("aar_exposure", risk.code) for _, risk in review.exposure_risks)
    return [*facts, ("Exposure", _join(risks))]


def _list_items(review: EventReview, now: int) -> Facts:
    facts: Facts = []
    for held in review.items:
        state = label_of("aar_item_state", held.state)
        late = " and OVERDUE" if held.is_overdue(now) else ""
        about = label_of("aar_category", held.category)
        text = f". {held.text}" if held.text else ""
        until = f"until {show_instant(held.due)}"
        facts.append((call_id(held.item_id), f"{about}: {until}; {state}{late}{text}"))
    return facts


def _join(labels: Iterable[str]) -> str:
    return "; ".join(labels) or "nothing was said"


def _record_of(review: EventReview) -> dict[str, object]:
    return {
        "event_id": review.event_id.hex(),
        "name": call_id(review.event_id),
        "exercise": review.exercise,
        "state": review.state,
        "closed_at": write_instant(review.closed_at),
        "due": write_instant(review.due),
        "items": [
            {"item_id": held.item_id.hex(), "category": held.category, "state": held.state}
            for held in review.items
        ],
    }
