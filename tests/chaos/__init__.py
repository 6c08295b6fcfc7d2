"""Chaos: whole searches under faults drawn from a seed, and a checker that reads PostgreSQL.

``python -m tests.chaos --help``, ``make chaos``; what it shows stands in docs/reliability.md.
"""
