"""What is stored, in order: entries, the thread that writes them, the ledger that knows how."""
