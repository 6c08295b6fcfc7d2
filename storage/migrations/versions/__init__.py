"""One file a step, named by its revision."""

__all__: list[str] = []
