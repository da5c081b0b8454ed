"""What an operator does beside the relay that serves: copies, a look at its health, a report.

Spec: docs/reference/operating.md.
"""
