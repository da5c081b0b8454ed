"""`quietway drill`: exercises with the same machinery as a crisis, and never mistaken for one.

Each line that shows something of a drill begins with EXERCISE.

Spec: docs/reference/desk.md, "quietway drill".
"""

from pathlib import Path
from typing import Annotated

import typer

from quietway import (
    AlertClaimed,
    Client,
    Drill,
    DrillInject,
    DrillScore,
    NotFound,
    Scenario,
    read_scenario,
)
from quietway.codes import label_of
from quietway_desk.files import read_small
from quietway_desk.screen import remark, say, show_facts, show_json, warn
from quietway_desk.session import find_partner, opened, talk
from quietway_desk.times import show_instant, write_instant

BANNER = "EXERCISE. EXERCISE. EXERCISE."
MARK = "EXERCISE:"
MAX_FILE_BYTES = 65_536

app = typer.Typer(help="Run exercises, and see what they came to.", no_args_is_help=True)


@app.command("run")
def run_drill(
    context: typer.Context,
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="Its name, or a file of your own (TOML).")
    ],
    partners: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="CODE", help="A partner; the first is called and leads."),
    ] = None,
    *,
    go: Annotated[
        bool, typer.Option("--go", help="Begin, and do not stay for what comes in.")
    ] = False,
) -> None:
    """Begin a drill: real people are called, at the first partner, or in your own agency.

    It stays until all has come in; Ctrl-C ends the watching, and not the drill. What is due then
    comes in with your next command. Tell nobody beforehand but those who have to know.

    Try this:

      quietway drill run missed-checkin --with MERCY --with METRO
    """
    with opened(context) as client:
        talk(client)
        named = [find_partner(client, code).agency_id for code in partners or ()]
        warn(BANNER)
        drill = client.drills.start(_find_scenario(client, scenario), named)
        talk(client)
        say(f"{MARK} {drill.scenario.title}. It runs as {drill.drill_id.hex()}.")
        if not go:
            _stay(client, drill)
        remark(f"To end it, and see its score: quietway drill end {drill.drill_id.hex()}")


@app.command("list")
def list_drills(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List the scenarios there are, and the drills that this device ran, with their scores.

    Try this:

      quietway drill list
    """
    with opened(context) as client:
        drills, scenarios = client.drills.list(), client.drills.scenarios()
        scores = {held.drill_id: held.outcome for held in client.drills.scores()}
    if as_json:
        show_json([_record_of(drill, scores.get(drill.drill_id, "")) for drill in drills])
        return
    for scenario in scenarios:
        show_facts(scenario.name, [("What it is", scenario.title), ("About", scenario.about)])
    for drill in drills:
        _show(drill, scores.get(drill.drill_id, ""))


@app.command("show")
def show_drill(
    context: typer.Context,
    drill_id: Annotated[str, typer.Argument(metavar="ID", help="As drill list shows it.")],
) -> None:
    """Show a drill, what comes in next, and the questions to think about afterwards.

    Try this:

      quietway drill show 5f2b...
    """
    with opened(context) as client:
        talk(client)
        drill = client.drills.show(drill_id)
    _show(drill, "")
    for question in drill.scenario.questions:
        section = label_of("aar_category", question.section)
        say(f"{MARK} {section}: {question.question}")


@app.command("score")
def score_drill(
    context: typer.Context,
    drill_id: Annotated[str, typer.Argument(metavar="ID", help="As drill list shows it.")],
) -> None:
    """Say what a drill has come to until now: right people, times, the guard. Nothing is kept.

    Try this:

      quietway drill score 5f2b...
    """
    with opened(context) as client:
        talk(client)
        score = client.drills.score(drill_id)
    _show_score(score)


@app.command("end")
def end_drill(
    context: typer.Context,
    drill_id: Annotated[str, typer.Argument(metavar="ID", help="As drill list shows it.")],
) -> None:
    """End a drill: nothing more comes in, and your agency's devices keep its score.

    Try this:

      quietway drill end 5f2b...
    """
    with opened(context) as client:
        talk(client)
        score = client.drills.end(drill_id)
        talk(client)
    _show_score(score)


def _find_scenario(client: Client, named: str) -> Scenario | str:
    if any(held.name == named for held in client.drills.scenarios()):
        return named
    path = Path(named)
    if not path.is_file():
        raise NotFound("A scenario of that name, or a file", "quietway drill list")
    return read_scenario(read_small(path, MAX_FILE_BYTES))


def _stay(client: Client, drill: Drill) -> None:
    left = len(drill.scenario.injects) - drill.injected
    remark(f"{MARK} watching until all has come in. Ctrl-C ends the watching, and not the drill.")
    if left <= 0:
        return
    for event in client.events():
        if isinstance(event, AlertClaimed) and event.alert_id == drill.alert_id:
            say(f"{MARK} somebody has taken it.")
        if isinstance(event, DrillInject) and event.drill_id == drill.drill_id:
            say(f"{MARK} {event.words}")
            left -= 1
        if left <= 0:
            return


def _show(drill: Drill, outcome: str) -> None:
    facts = [("Id", drill.drill_id.hex()), ("Began", show_instant(drill.began_at))]
    if drill.ended_at is not None:
        facts.append(("Ended", show_instant(drill.ended_at)))
    elif drill.next_at is not None and drill.next_inject is not None:
        facts.append(("Next", f"{show_instant(drill.next_at)}: {drill.next_inject.words}"))
    if outcome:
        facts.append(("Score", label_of("drill_outcome", outcome)))
    show_facts(f"{MARK} {drill.scenario.title}", facts)


def _show_score(score: DrillScore) -> None:
    facts = [
        (_NAMES[part.name], _tell(part.verdict, part.expected, part.actual)) for part in score.parts
    ]
    facts.append(("Told, and not expected", str(score.unexpected_people)))
    show_facts(f"{MARK} {label_of('drill_outcome', score.outcome)} ({score.scenario})", facts)


def _tell(verdict: str, expected: int, actual: int | None) -> str:
    counted = "" if actual is None else f": {actual}, expected {expected}"
    return f"{_VERDICTS[verdict]}{counted}"


def _record_of(drill: Drill, outcome: str) -> dict[str, object]:
    return {
        "exercise": True,
        "drill_id": drill.drill_id.hex(),
        "scenario": drill.scenario.name,
        "began": write_instant(drill.began_at),
        "ended": "" if drill.ended_at is None else write_instant(drill.ended_at),
        "outcome": outcome,
    }


_VERDICTS = {
    "met": "as it should be",
    "not_met": "NOT as it should be",
    "not_reached": "did not happen",
}
_NAMES = {
    "right_people": "The right people",
    "claim": "Taken, in seconds",
    "verification": "Verified, in seconds",
    "activation": "Activated, in seconds",
    "closing": "Closed, in seconds",
    "tiers": "Tiers that were called",
    "guard": "Found by the guard",
    "verified_before_broadcast": "Verified before more were told",
    "actions": "Actions that were set",
}
