"""One agency's own devices: how they are linked, what they tell each other, how they leave.

Imports nothing here. `telling` says something to the agency's other devices, `within` takes in what
they say; each of the other rooms is one matter of theirs. `devices` and `agency` are the faces.

Spec: docs/spec/keys.md, "Linking a device" to "A snapshot for a new device".
"""
