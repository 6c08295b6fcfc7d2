"""What crosses between driver, workers and storage: messages, outcomes, attributes."""
