"""The engine: what a device does next, as a pure function: `step(state, input)`.

Rules: the state is frozen, clock and randomness come in with the inputs, and nothing here waits,
    reads or writes. The agent commits what a step changed to the store, and only then performs the
    effects that leave the device; so a crash between the two costs a repetition, and a repetition
    is harmless.

Spec: docs/spec/envelope.md, "Core" and "Opening".
"""
