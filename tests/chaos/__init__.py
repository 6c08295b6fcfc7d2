"""Chaos: whole searches under faults drawn from a seed, and a checker that reads PostgreSQL.

``python -m tests.chaos --help``, ``make chaos``; docs/reliability.md has its results.
"""
