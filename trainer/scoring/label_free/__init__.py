"""Criteria that need no labels: clusters are judged in the frozen features."""
