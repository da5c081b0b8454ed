"""The guard: the last pair of eyes before anything is sealed.

Theory of operation. A text is read once (`reading`): look-alike characters are folded, what cannot
be seen is dropped, numbers in words become digits, and each such *view* remembers where in the
original every character of it comes from. Each *class* of places (`rules/`) is one detector, which
yields hits in a view, and one table, which says of each of its rules what is done about a hit,
which code says it better, and by which examples it is tested. `inspecting` asks every class about
every view, takes out what the agency allows (`lists`), and lets the strictest of overlapping
findings stand.

Rules: a finding holds a rule and a span, never the text. Nothing here asks a clock, a file, a
network or a model. Time grows with the length of the text, whatever the text is.

It never decides whether something is sent: `deciding` does, and a person does.

Spec: docs/spec/guard.md.
"""
