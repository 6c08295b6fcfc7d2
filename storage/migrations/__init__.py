"""Migrations of our tables from version to version, run by :mod:`storage.schema`."""

__all__: list[str] = []
