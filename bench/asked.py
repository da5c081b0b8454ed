"""What was asked for in the environment, as in `make bench ROUNDS=5`.

Spec: docs/reference/make.md.
"""

from __future__ import annotations

import math
import os

from bench.processes import NotMeasuredError


def read_number(name: str, default: float, *, most: float = math.inf) -> float:
    """Read a number above zero.

    Raises:
        NotMeasuredError: It is none, or more than `most`.
    """
    text = os.environ.get(name) or str(default)
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= most:
        bound = "" if most == math.inf else f", at most {most:g}"
        raise NotMeasuredError(f"{name} is a number above zero{bound}.")
    return number


def read_count(name: str, default: int, *, most: int = 1000) -> int:
    """Read a whole number above zero.

    Raises:
        NotMeasuredError: It is none, or more than `most`.
    """
    number = read_number(name, default, most=most)
    if not number.is_integer():
        raise NotMeasuredError(f"{name} is a whole number.")
    return int(number)
