"""PostgreSQL: addresses, the embedded server, the lease, and the stored records of studies."""

__all__: list[str] = []
