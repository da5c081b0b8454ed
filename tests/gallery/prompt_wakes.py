"""The relay with routine wake-ups that come at once, so that a test need not wait for five minutes.

python -m tests.gallery.prompt_wakes serve ...
"""

from __future__ import annotations

import sys

import pytest
from tests.controls import without

if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        # Before anything else of the relay is there, which takes the function by its name.
        without(patch, "quietway_server.core.waking:wake_due", lambda **given: given["now"])
        from quietway_server.__main__ import main

        sys.exit(main())
