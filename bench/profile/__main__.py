"""`make profile`: where the relay's time goes under load, thread by thread, room by room.

    DOOR=websocket   or http; or mailbox, for devices that come back and read what waited
    BATCH=1          recipients of each message
    CLIENTS=64       clients at once, each with one message under way
    SECONDS=8        how long it is watched

The relay is the product's own, started so that py-spy may look into it. The CPU time of each thread
is the kernel's count; the samples only divide it up. Being watched slows the relay down, so no rate
is claimed here. It prints the table and writes it to build/profile.txt, and a flame graph to
build/profile.svg. Exit codes: 0 done, 2 it can't be watched here, 130 it was stopped.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from bench.asked import read_number
from bench.place import BUILD, Place
from bench.processes import NotMeasuredError
from bench.profile.loads import choose_load
from bench.profile.table import render
from bench.profile.watching import watch

TEXT = BUILD / "profile.txt"
PICTURE = BUILD / "profile.svg"
STOPPED = 130


def main() -> int:
    """Watch the relay, and return the exit code."""
    if not Path("/proc/self/task").exists():
        print("make profile reads the CPU time of threads from /proc: run it on Linux.")
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with Place(seconds=read_number("SECONDS", 8)) as place:
            load = choose_load(place)
            text = render(str(load), watch(load, place, PICTURE))
    except NotMeasuredError as error:
        print(error)
        return 2
    except KeyboardInterrupt:
        print("Stopped. Nothing was left behind.")
        return STOPPED
    TEXT.write_text(text, "utf-8")
    print(f"{text}\nThis is in build/{TEXT.name}; build/{PICTURE.name} is a flame graph.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
