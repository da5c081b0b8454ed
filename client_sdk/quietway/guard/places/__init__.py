"""How the guard reads a described place: an address is evidence added up, never one word alone.

A number means nothing, a capital means nothing, and `court`, `drive` and `place` are words of this
field. So the readers here look for a number, read on from it word by word, and ask what stands
before and after:

- a number, a name and a type (`417 Elm Street`) are enough, as is a box, or a unit with its number;
- a type that is an ordinary word too (`12 Maple Court`) needs a capital, a direction, a larger
  number, or words around it that speak of a place;
- a number and a name without a type (`1234 Broadway`) need a verb of living, going or sending
  before them, or a town, state, postcode or unit behind them.

Lists of words stand in `words.toml`; names of towns in `towns.txt`. Every reader yields spans and
looks at most 120 characters to either side, so time grows with the text and no faster.

Spec: docs/spec/guard.md, "Places".
"""
