"""Steps from one version of our tables to the next, run by :mod:`storage.schema`."""

__all__: list[str] = []
