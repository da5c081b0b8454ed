"""What a survivor decided: asked before anything is said, carried out at once.

Imports nothing here. `asking` is what `speaking` asks; `changing` commits what was decided, here or
elsewhere; `taking` acts on what others say of it; the rest is one matter each. Nothing here speaks
by the way of `speaking`: the word of a pause is not asked about.

Spec: docs/spec/consent.md.
"""
