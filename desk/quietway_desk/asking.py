"""Asks for what a command was not told: by question at a terminal, elsewhere by its name.

Codes are chosen by their words. What is typed is not kept.

Spec: docs/reference/desk.md, "Sending a referral".
"""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

import typer

from quietway.codes import labels
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import remark

if TYPE_CHECKING:
    from collections.abc import Callable


def check_code(list_name: str) -> Callable[[str | None], str | None]:
    """Make a check for an option that holds a code of one list."""

    def check(code: str | None) -> str | None:
        if code is not None and code not in labels(list_name):
            raise typer.BadParameter(f"choose one of: {_spell_out(list_name)}")
        return code

    return check


def check_codes(list_name: str) -> Callable[[list[str] | None], list[str] | None]:
    """Make a check for an option that may be repeated; each holds a code of one list."""
    check = check_code(list_name)

    def check_each(codes: list[str] | None) -> list[str] | None:
        for code in codes or ():
            check(code)
        return codes

    return check_each


def ask_code(given: str | None, option: str, list_name: str, question: str) -> str:
    """Return the code that was given, or let one be chosen.

    Raises:
        UsageRefused: Nothing was given, and there is no terminal to ask at.
    """
    if given is not None:
        return given
    _require_terminal(option, f"one of: {_spell_out(list_name)}")
    choices = list(labels(list_name).items())
    remark(question)
    for number, (_, label) in enumerate(choices, start=1):
        remark(f"  {number:>2}  {label}")
    return choices[_ask_number(len(choices)) - 1][0]


def _ask_number(highest: int) -> int:
    allowed = {str(number): number for number in range(1, highest + 1)}
    while (typed := _ask("Number").strip()) not in allowed:
        remark(f"Type a number from 1 to {highest}.")
    return allowed[typed]


def ask_text(given: str | None, option: str, question: str) -> str:
    """Return the text that was given, or let one line be typed.

    Raises:
        UsageRefused: Nothing was given, and there is no terminal to ask at.
    """
    if given is not None:
        return given
    _require_terminal(option, "a text")
    return _ask(question)


def _ask(question: str) -> str:
    try:
        typed: str = typer.prompt(question, err=True)
    except typer.Abort:
        # Ctrl-C and Ctrl-D at a question end the command in the same calm way as elsewhere.
        raise KeyboardInterrupt from None
    return typed


def read_words(question: str) -> str:
    """Read what is to be said, from the terminal or standard input; never from the command line.

    Raises:
        UsageRefused: There is nothing to say.
    """
    if is_at_terminal():
        remark(f"{question} End with Ctrl-D on a line of its own.")
    try:
        words = sys.stdin.read().strip("\r\n")
        # Where the system's texts are not UTF-8, what could not be read is only marked.
        words.encode()
    except UnicodeError:
        raise UsageRefused(
            "The words could not be read as UTF-8 text. Save them as UTF-8, then try again."
        ) from None
    if not words.strip():
        raise UsageRefused(
            "There is nothing to send: type the words, or pass them on standard input."
        )
    return words


def ask_secret_words(question: str) -> str:
    """Read the words of a sheet: hidden at a terminal, elsewhere the next line of standard input.

    Raises:
        UsageRefused: There are none.
    """
    if not is_at_terminal():
        line = sys.stdin.readline()
        if not line.strip():
            raise UsageRefused("The words are missing: pass them on standard input, in one line.")
        return line
    try:
        return getpass.getpass(f"{question} (24 words, hidden): ")
    except EOFError:
        raise KeyboardInterrupt from None


def is_at_terminal() -> bool:
    """Tell whether there is somebody to ask."""
    return sys.stdin.isatty()


def _require_terminal(option: str, wanted: str) -> None:
    if not is_at_terminal():
        raise UsageRefused(f"{option} is missing: {wanted}.")


def _spell_out(list_name: str) -> str:
    return ", ".join(f"{code} ({label})" for code, label in labels(list_name).items())
