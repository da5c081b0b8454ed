"""The log, as one device has verified it: pages, proofs, gossip, evidence, alarms. Pure.

Spec: docs/spec/transparency-log.md, "What a reader checks" to "Alarms".
"""
