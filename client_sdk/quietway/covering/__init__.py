"""Keeping an agency covered: its rota decided and told, partners told, heartbeats, gaps shouted.

What counts is said by the pure room `oncall`; here it is carried out.

Spec: docs/spec/on-call.md.
"""
