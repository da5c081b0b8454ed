"""Runs one command of `quietway` and turns what happened into a sentence and an exit code.

0: done. 1: it could not be done, and the sentence says what to do next. 2: the command line or the
file it names can't be taken. 130: stopped with Ctrl-C. 141: whoever read the results has gone. A
refusal is never shown as a trace, which would hold local values.

Spec: docs/reference/desk.md, "Exit codes".
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

from quietway import ImportRefused, QuietwayError
from quietway.content import ContentError
from quietway_desk.app import app
from quietway_desk.refusals import DeskError, UsageRefused
from quietway_desk.screen import prepare_streams, remark, stop_writing, warn

if TYPE_CHECKING:
    from collections.abc import Sequence

REFUSED: Final = 1
NOT_TAKEN: Final = 2
STOPPED: Final = 130
UNREAD: Final = 141


def run_process() -> int:
    """Run the command line of this process, and return the exit code."""
    prepare_streams()
    return run(None)


def run(arguments: Sequence[str] | None) -> int:
    """Run one command.

    Args:
        arguments: What follows the program's name; None for those of this process.

    Returns:
        The exit code.
    """
    try:
        app(args=arguments, prog_name="quietway")
    except (ImportRefused, QuietwayError, DeskError, ContentError) as refusal:
        return _say_refusal(refusal)
    except BrokenPipeError:
        stop_writing()
        return UNREAD
    except KeyboardInterrupt:
        return _say_stopped()
    except SystemExit as ended:
        return _say_stopped() if ended.code == STOPPED else _read_status(ended)
    except Exception as fault:  # noqa: BLE001 - a fault's own text may hold what somebody wrote
        return _say_fault(fault)
    return 0


def _say_refusal(refusal: Exception) -> int:
    # A content that the desk itself built is refused by its constructor, before the SDK is asked.
    built_here = isinstance(refusal, ContentError)
    warn(f"Nothing was done: {refusal}" if built_here else str(refusal))
    return NOT_TAKEN if isinstance(refusal, ImportRefused | UsageRefused) else REFUSED


def _say_fault(fault: Exception) -> int:
    # Where it was is enough to report it; what it says could be content.
    last = traceback.extract_tb(fault.__traceback__)[-1]
    warn(
        f"quietway met a fault of its own: {type(fault).__name__} in {Path(last.filename).name}, "
        f"line {last.lineno}. What was saved is safe. Please report this line."
    )
    return REFUSED


def _read_status(ended: SystemExit) -> int:
    return ended.code if isinstance(ended.code, int) else int(ended.code is not None)


def _say_stopped() -> int:
    remark("Stopped. Nothing is lost; what was not yet sent is kept.")
    return STOPPED
