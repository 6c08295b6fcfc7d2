"""Measurements that take minutes: each prints its table and can be run again by anyone."""
