"""`quietway guard`: what should not be said, why, and the agency's own lists.

Texts and names are typed, piped or read from a file: on the command line they would stay in a
shell's history.

Spec: docs/reference/desk.md, "quietway guard".
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from quietway import (
    AttachmentUnfit,
    ContentRefused,
    GuardFailed,
    ListedPhrase,
    StoreInUse,
    has_store,
)
from quietway.checking import (
    CheckFinding,
    CheckReport,
    RuleWords,
    check_file,
    check_text,
    explain_limits,
    find_rule,
    list_classes,
)
from quietway.codes import LANGUAGES, label_of
from quietway_desk.asking import read_words
from quietway_desk.files import STANDARD_OUTPUT, read_small
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import Facts, Record, remark, say, show_facts, show_json
from quietway_desk.session import hand_over, opened

FOUND: Final = 1
STANDARD_INPUT: Final = STANDARD_OUTPUT
MOST_LIST_BYTES: Final = 1_048_576
MOST_EXAMPLES: Final = 3
ACTIONS: Final = {
    "block": "is not sent; there is no override",
    "hold": "is sent only with a reason; in a crisis with a second person too",
    "strip": "is taken out",
    "warn": "is sent, and you are told",
}

app = typer.Typer(
    help="Look for what could tell where somebody is, before anything is sent.",
    epilog="""  quietway guard check - < words.txt

  quietway guard explain street

  quietway guard limits
""",
    no_args_is_help=True,
)
allowed = typer.Typer(
    help="Phrases of your own agency that may be said: its office, its hotline.",
    no_args_is_help=True,
)
denied = typer.Typer(
    help="Names that are never said: shelters, schools, employers.", no_args_is_help=True
)
app.add_typer(allowed, name="allow")
app.add_typer(denied, name="deny")


def _check_language(language: str) -> str:
    if language not in LANGUAGES:
        raise typer.BadParameter(f"choose one of: {', '.join(LANGUAGES)}")
    return language


Language = Annotated[
    str,
    typer.Option(
        "--language",
        metavar="CODE",
        callback=_check_language,
        help=f"In which language to explain. One of: {', '.join(LANGUAGES)}.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]
Phrases = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="A file with one phrase a line; - for standard input, or to type them."
    ),
]


@app.command("check")
def check(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A file as it would be sent, or - for words on standard input."
        ),
    ],
    *,
    language: Language = "en",
    rules_alone: Annotated[
        bool,
        typer.Option("--rules-alone", help="Ask for no passphrase: leave your agency's lists out."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what should not be said in a text or a file. Nothing is sent or kept.

    Of each finding it says the rule, line and column, why it could find her, and which code says
    it better; of a file also what it would lose before it is sent. Where this computer is a device,
    your agency's lists count too; without one, or while another program has it open, it goes by
    the rules alone. Exit codes: 0 nothing was found, 1 something was, 2 it could not be read.

    Try this:

      quietway guard check - < words.txt

      quietway guard check photo.jpg --language es
    """
    words = read_words("The words to look through.") if file == STANDARD_INPUT else None
    try:
        report = _look(context, file, words, rules_alone=rules_alone)
    except (AttachmentUnfit, GuardFailed) as unread:
        raise UsageRefused(str(unread)) from None
    if as_json:
        show_json([_record_of(report)])
    else:
        _tell(report, language, is_file=words is None)
    if report.findings:
        raise typer.Exit(FOUND)


@app.command("explain")
def explain(
    rule: Annotated[
        str | None,
        typer.Argument(metavar="RULE", help="A rule, as street.numbered, or a class, as street."),
    ] = None,
    *,
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Say what a rule finds, why that could find her, and what to write instead.

    Without RULE it lists the classes with their rules.

    Try this:

      quietway guard explain

      quietway guard explain street.numbered --language es
    """
    classes = list_classes()
    if rule is None:
        shown = [held for name in classes for held in classes[name]]
    else:
        shown = list(classes.get(rule) or (find_rule(rule),))
    if as_json:
        show_json([_record_of_rule(held, language) for held in shown])
        return
    if rule is None:
        for name, held in classes.items():
            show_facts(name, [(one.id, f"{one.action}: {ACTIONS[one.action]}") for one in held])
        return
    for one in shown:
        show_facts(one.id, _teach(one, language))


@app.command("limits")
def limits(*, language: Language = "en") -> None:
    """Say what no guard catches. Read it once before you rely on this one.

    Try this:

      quietway guard limits
    """
    say(explain_limits(language))


@allowed.command("add")
def allow(
    context: typer.Context,
    phrases: Phrases,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="What they are. One of: acp_address, court, hotline, office.",
        ),
    ],
) -> None:
    """Let phrases of your own agency be said, on all of its devices. Data stewards only.

    A phrase passes as it is, in any spelling, and nothing more: an address allowed with its suite
    does not allow the house. An acp_address is the box of an Address Confidentiality Program; the
    participant's number beside it is refused as before.

    Try this:

      quietway guard allow add office.txt --kind office
    """
    lines = _read_lines(phrases)
    with opened(context) as client:
        for number, line in enumerate(lines, start=1):
            with _naming_line(number, len(lines)):
                client.guard.lists.allow(line, kind)
        hand_over(client)
    say(f"Allowed: {len(lines)}. All devices of your agency go by it.")


@allowed.command("remove")
def disallow(context: typer.Context, phrases: Phrases) -> None:
    """Let phrases be said no more, on all devices. Data stewards only.

    Try this:

      quietway guard allow remove office.txt
    """
    _remove(context, "allowed", phrases)


@allowed.command("list")
def list_allowed(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the phrases that your agency lets be said, and whether they count.

    Try this:

      quietway guard allow list
    """
    with opened(context) as client:
        _show_list(client.guard.lists.list("allowed"), as_json=as_json)


@denied.command("add")
def deny(
    context: typer.Context,
    phrases: Phrases,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="What they are. One of: employer, other, school, shelter.",
        ),
    ],
) -> None:
    """Never let names be said, on all devices of your agency. Everybody there may.

    The names stay in the encrypted stores of your agency's devices. They are found in any spelling,
    and with a slip of the finger.

    Try this:

      quietway guard deny add schools.txt --kind school
    """
    lines = _read_lines(phrases)
    with opened(context) as client:
        for number, line in enumerate(lines, start=1):
            with _naming_line(number, len(lines)):
                client.guard.lists.deny(line, kind)
        hand_over(client)
    say(f"Denied: {len(lines)}. All devices of your agency go by it.")
    if phrases != STANDARD_INPUT:
        remark(f"{phrases} still holds these names as plain text: erase it.")


@denied.command("remove")
def undeny(context: typer.Context, phrases: Phrases) -> None:
    """Take names off the list, on all devices. Data stewards only.

    Try this:

      quietway guard deny remove schools.txt
    """
    _remove(context, "denied", phrases)


@denied.command("list")
def list_denied(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the names that are never said. Data stewards only.

    Try this:

      quietway guard deny list
    """
    with opened(context) as client:
        _show_list(client.guard.lists.list("denied"), as_json=as_json)


def _look(
    context: typer.Context, file: Path, words: str | None, *, rules_alone: bool
) -> CheckReport:
    if not rules_alone and has_store():
        try:
            with opened(context) as client:
                guard = client.guard
                return guard.check_file(file) if words is None else guard.check_text(words)
        except StoreInUse:
            remark("Another program has your store open: your agency's lists are left out.")
    return check_file(file) if words is None else check_text(words)


def _tell(report: CheckReport, language: str, *, is_file: bool) -> None:
    for finding in report.findings:
        show_facts(f"{_locate(finding)}: {finding.rule}", _explain(finding, language))
    if not report.findings:
        say("Nothing was found. That is no proof: quietway guard limits")
    if is_file:
        remark(report.explain_removed(language))


def _locate(finding: CheckFinding) -> str:
    start, end = (finding.line, finding.column), (finding.end_line, finding.end_column - 1)
    return f"{finding.part} {start[0]}:{start[1]} to {end[0]}:{end[1]}"


def _explain(finding: CheckFinding, language: str) -> Facts:
    return [
        ("It", ACTIONS[finding.action]),
        ("Why", finding.explain(language)),
        *_name_codes(finding.codes, language),
    ]


def _teach(rule: RuleWords, language: str) -> Facts:
    return [
        ("It", ACTIONS[rule.action]),
        ("Why", rule.explain(language)),
        *_name_codes(rule.codes, language),
        *(("Found in", example) for example in rule.examples[:MOST_EXAMPLES]),
        *(("Passes", example) for example in rule.clean[:MOST_EXAMPLES]),
    ]


def _name_codes(codes: tuple[str, ...], language: str) -> Facts:
    named = (code.partition("/") for code in codes)
    return [
        ("Instead", f"{label_of(name, code, language)} ({name}/{code})") for name, _, code in named
    ]


def _record_of(report: CheckReport) -> Mapping[str, object]:
    return {
        "findings": [_record_of_finding(held) for held in report.findings],
        "removed": list(report.removed),
    }


def _record_of_finding(held: CheckFinding) -> Record:
    return {
        "part": held.part,
        "rule": held.rule,
        "action": held.action,
        "line": held.line,
        "column": held.column,
        "end_line": held.end_line,
        "end_column": held.end_column,
        "codes": list(held.codes),
    }


def _record_of_rule(rule: RuleWords, language: str) -> Record:
    return {
        "rule": rule.id,
        "action": rule.action,
        "why": rule.explain(language),
        "codes": list(rule.codes),
        "examples": list(rule.examples),
        "clean": list(rule.clean),
    }


def _read_lines(phrases: Path) -> list[str]:
    if phrases == STANDARD_INPUT:
        text = read_words("One phrase a line.")
    else:
        try:
            text = read_small(phrases, MOST_LIST_BYTES).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UsageRefused(f"{phrases} is not UTF-8 text: save it as UTF-8.") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise UsageRefused("There is no phrase in it: write one a line.")
    return lines


@contextmanager
def _naming_line(number: int, count: int) -> Iterator[None]:
    try:
        yield
    except ContentRefused as refused:
        where = f"Line {number} of {count}, {refused.field}: {refused.reason}"
        raise UsageRefused(f"{where}. The lines before it were taken in.") from None


def _remove(context: typer.Context, list_name: Literal["allowed", "denied"], phrases: Path) -> None:
    lines = _read_lines(phrases)
    with opened(context) as client:
        for line in lines:
            client.guard.lists.remove(list_name, line)
        hand_over(client)
    say(f"Taken out: {len(lines)}.")


def _show_list(held: list[ListedPhrase], *, as_json: bool) -> None:
    if as_json:
        show_json([_record_of_phrase(one) for one in held])
        return
    for one in held:
        going = (
            "" if one.counts else " (does not count: who allowed it is no data steward any more)"
        )
        say(f"{one.kind}: {one.phrase}{going}")
    if not held:
        say("Nothing is on this list.")


def _record_of_phrase(held: ListedPhrase) -> Record:
    return {
        "phrase": held.phrase,
        "kind": held.kind,
        "version": held.version,
        "device": str(held.device),
        "counts": held.counts,
    }
