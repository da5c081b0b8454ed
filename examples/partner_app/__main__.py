"""`python examples/partner_app`: two agencies in memory, each with its app, on this machine.

It ends with Ctrl-C and leaves nothing behind. With a real relay `Client.open()` takes the place of
the sandbox, and the rest stays as it is.

Spec: docs/howto/embed-the-sdk.md.
"""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack, suppress

from app import PartnerApp, serve

from quietway.testing import Sandbox


def main() -> int:
    """Serve both apps until somebody ends it."""
    with ExitStack() as running:
        sandbox = running.enter_context(Sandbox())
        for program in ("MERCY-SOCIALWORK", "HARBOR-SHELTER"):
            app = PartnerApp(sandbox.agency(program))
            address = running.enter_context(serve(app))
            sys.stdout.write(f"{program}: open {address}/ in a browser\n")
        sys.stdout.write("Ctrl-C ends it.\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
