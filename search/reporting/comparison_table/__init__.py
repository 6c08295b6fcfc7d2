"""Comparison tables: the read model of a table's rows, and its printers."""
