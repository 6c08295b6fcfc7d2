"""How far the result of a search can be trusted: what a model of all its trials expects."""
