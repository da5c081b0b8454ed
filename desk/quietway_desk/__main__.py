"""`quietway`: where the process of the desk begins.

Ctrl-C in the moment while the program is still loading ends it without a trace; after that, the
command itself ends calmly. Before any secret is in it, the process's memory is kept out of core
dumps and away from other programs.

Spec: docs/reference/desk.md, "Exit codes".
"""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line of this process."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from quietway import harden_process  # noqa: PLC0415 - after Ctrl-C is seen to

    harden_process()
    from quietway_desk.running import run_process  # noqa: PLC0415 - it loads everything

    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(run_process())


if __name__ == "__main__":
    main()
