"""Benchmarks, which take minutes: each prints a table and can be repeated by anyone."""
