"""What leads up to a place, or speaks of somebody, as one regular expression for each kind.

The lists stand in `contexts.toml`. Spec: docs/spec/guard.md, "Places".
"""

import re
import tomllib
from importlib import resources
from typing import Any, Final

from quietway.guard.expressions import any_of

_FILE: Final[dict[str, Any]] = tomllib.loads(
    resources.files("quietway.guard.places").joinpath("contexts.toml").read_text("utf-8")
)
_PLAIN: Final = re.compile(r"[a-z' ]+")


def _any(table: str, name: str) -> str:
    plain = [row for row in _FILE[table][name] if _PLAIN.fullmatch(row)]
    others = [row for row in _FILE[table][name] if not _PLAIN.fullmatch(row)]
    return f"(?:{'|'.join(([any_of(plain)] if plain else []) + others)})"


_AT: Final = f"{_any('leads', 'prepositions')}(?: the| la| el)?"
_TO: Final = r"(?:to|into|at|a|al|en|for|from)(?: the| la| el)?"
LEADS: Final = re.compile(
    rf"(?:\b{_any('leads', 'speaking')}(?!\w)[^.;!?]{{0,25}}"
    rf"|(?<!\w){_any('leads', 'being')} (?:\w+ ){{0,2}}{_AT}"
    rf"|\b{_any('leads', 'going')}\b[^.;:!?]{{0,30}} {_TO}"
    rf"|\b{_any('leads', 'direct')}(?: at| the)?)[:,]? ?$"
)
"""Words of living, going or sending, right before the position at which a search ends."""
AFTER_COMMA: Final = re.compile(
    rf"(?:\b{_any('leads', 'homes')}|[^\W\d_]'s|\b(?:her|his|their) \w+"
    r"|\b(?:apt|apartment|unit|suite|ste|flat|room|floor|building|lot|piso|depto) ?#?[\w-]{1,5}), $"
)
"""A home, or a door, and a comma: what follows is its address."""
ANNOUNCING: Final = re.compile(_any("leads", "speaking"))
LAST_OF_LEADS: Final = frozenset(
    _FILE["leads"]["prepositions"] + ["address", "the", "la", "el", *_FILE["leads"]["last"]]
)
"""What `LEADS` may end with, so that most places need no closer look."""
FAR: Final = re.compile(rf"\b{_any('leads', 'far')}\b")
"""Words that announce an address anywhere before it."""
ROAD_LEADS: Final = re.compile(rf"\b{_any('roads', 'leads')}(?: the| la| l')? ?$")
ROAD_NEXT: Final = re.compile(rf",? ?{_any('roads', 'next')}\b")
LIVING: Final = re.compile(
    rf"\b{_any('people', 'living')}\b[^.;!?]{{0,24}}"
    r"(?:\b(?:in|at|to|on|is|en|la|le|au|dans l'|,)|,) ?(?:the |her |his |their |la |el )?"
)
LODGINGS: Final = re.compile(rf"\b{_any('people', 'lodgings')}\b")
PERSONS: Final = re.compile(rf"\b{_any('people', 'persons')}\b")
SOMEONE: Final = re.compile(rf"\b{_any('people', 'someone')}\b")
DWELLING: Final = re.compile(rf"\b{_any('people', 'dwelling')} (?:\w+ ){{0,2}}$")
