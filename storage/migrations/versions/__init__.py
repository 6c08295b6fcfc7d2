"""One file per migration, named by its revision."""

__all__: list[str] = []
