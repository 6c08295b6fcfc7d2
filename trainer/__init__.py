"""One training run: images to frozen features to UniM2 to losses, probes and scores."""
