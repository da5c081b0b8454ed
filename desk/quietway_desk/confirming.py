"""Asks for what must not be answered by accident: a person types the answer in full.

There is no yes, no default, and no option that answers beforehand. What is asked for is what only
somebody who looked can type: the name of the device that goes, the words that another screen shows.
What is compared is never shown here before it is typed.

Elsewhere than at a terminal each answer is a line of standard input.

Spec: docs/reference/desk.md, "What has to be typed".
"""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Final, TypeVar

import typer

from quietway import WordsRefused
from quietway_desk.asking import ask_secret_words, is_at_terminal
from quietway_desk.refusals import NotConfirmed, UsageRefused
from quietway_desk.screen import remark, warn

if TYPE_CHECKING:
    from collections.abc import Callable

TRIES: Final = 3
_Taken = TypeVar("_Taken")


def type_to_confirm(question: str, wanted: str) -> None:
    """Let somebody type what they mean, in capitals or not, with any spaces between.

    Raises:
        NotConfirmed: They typed something else. Nothing was changed.
        UsageRefused: There is nobody to ask.
    """
    if _plain(read_line(question)) != _plain(wanted):
        raise NotConfirmed


def read_line(question: str) -> str:
    """Read one line that is no secret.

    Raises:
        UsageRefused: There is nobody to ask.
    """
    if not is_at_terminal():
        return _next_line(question)
    try:
        typed: str = typer.prompt(question, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None
    return typed


def read_secret_line(question: str) -> str:
    """Read one line that nobody may see.

    Raises:
        UsageRefused: There is nobody to ask.
    """
    if not is_at_terminal():
        return _next_line(question)
    try:
        return getpass.getpass(f"{question}: ")
    except EOFError:
        raise KeyboardInterrupt from None


def take_words(question: str, take: Callable[[str], _Taken]) -> _Taken:
    """Read words from a sheet of paper, unseen; at a terminal a slip may be mended.

    Args:
        question: Whose words.
        take: Takes them, or refuses them.

    Raises:
        WordsRefused: They are not the words that were written down.
    """
    for _ in range(TRIES - 1):
        try:
            return take(ask_secret_words(question))
        except WordsRefused as refused:
            if not is_at_terminal():
                raise
            warn(str(refused))
            remark("Once more.")
    return take(ask_secret_words(question))


def _next_line(question: str) -> str:
    line = sys.stdin.readline()
    if not line.strip():
        raise UsageRefused(
            f"There is no terminal to ask at ({question}). Answer on standard input, a line each."
        )
    return line.rstrip("\r\n")


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
