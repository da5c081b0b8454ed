"""Who this device is and whom it knows: its secrets, the verified directory, and what it publishes.

Imports nothing here; see `keyring.py` for the secrets, `trust.py` for others, `publish.py` for us.

Spec: docs/spec/directory.md.
"""
