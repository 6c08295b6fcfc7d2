"""Ray: a cluster of our own or one that is joined, its workers, and how the bank gets to them."""
