"""Asks for what a command was not told: by question at a terminal, elsewhere by its name.

Codes are chosen by their words. What is typed is not kept.

Spec: docs/reference/desk.md, "Sending a referral".
"""

from __future__ import annotations

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
    chosen: int = typer.prompt("Number", type=typer_number(len(choices)), err=True)
    return choices[chosen - 1][0]


def typer_number(highest: int) -> Callable[[str], int]:
    """Make a reader of whole numbers from 1 to `highest`."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= highest:
            raise typer.BadParameter(f"type a number from 1 to {highest}")
        return int(text)

    return read


def ask_text(given: str | None, option: str, question: str) -> str:
    """Return the text that was given, or let one line be typed.

    Raises:
        UsageRefused: Nothing was given, and there is no terminal to ask at.
    """
    if given is not None:
        return given
    _require_terminal(option, "a text")
    typed: str = typer.prompt(question, err=True)
    return typed


def read_words(question: str) -> str:
    """Read what is to be said, from the terminal or standard input; never from the command line.

    Raises:
        UsageRefused: There is nothing to say.
    """
    if sys.stdin.isatty():
        remark(f"{question} End with Ctrl-D on a line of its own.")
    words = sys.stdin.read().strip("\r\n")
    if not words.strip():
        raise UsageRefused(
            "There is nothing to send: type the words, or pass them on standard input."
        )
    return words


def _require_terminal(option: str, wanted: str) -> None:
    if not sys.stdin.isatty():
        raise UsageRefused(f"{option} is missing: {wanted}.")


def _spell_out(list_name: str) -> str:
    return ", ".join(f"{code} ({label})" for code, label in labels(list_name).items())
