"""Records exchanged between driver, workers and storage: messages, outcomes, attributes."""
