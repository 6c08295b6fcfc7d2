"""Scores of a run: prediction, probes, metrics, collapse indicators, CRF."""
