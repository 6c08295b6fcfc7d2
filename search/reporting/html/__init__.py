"""The printer for a report: one HTML page that needs no network, with its pictures beside it."""
