"""PostgreSQL: addresses, the embedded server, the lease, and the records of a search."""

__all__: list[str] = []
