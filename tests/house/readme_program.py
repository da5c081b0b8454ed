"""Print the README's first program, so that `make dist` can run it with nothing but the wheel."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from tests.house.pages import find_first_program

    sys.stdout.write(find_first_program())
