"""`make demo`: a relay, three agencies, and a calm account of who sees what.

    SCENE=name      plays one scene, with the set-up that it needs
    REFERRAL=path   sends that FHIR R4 ServiceRequest or Task instead, where it can be taken

It runs on free ports in a temporary folder, and ends by itself within a minute. Exit codes: 0 it
came out as it must, 1 it did not, 2 the file or the scene can't be taken, 128 and more when it was
stopped (141: whoever read along has gone).

Spec: docs/tutorial/first-referral.md.
"""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Play what the environment asks for, and return the exit code."""
    # While the SDK is loading there is nothing to tidy up, so Ctrl-C just ends it, without a trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from story import play_wanted  # noqa: PLC0415 - it loads everything, and that takes a second

    return play_wanted()


if __name__ == "__main__":
    sys.exit(main())
