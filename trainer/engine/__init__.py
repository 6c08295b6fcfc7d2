"""A run: slots, batches, optimiser, checkpoints."""
