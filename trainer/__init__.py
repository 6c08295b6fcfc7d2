"""One training run: from images to frozen features, the method, its losses, probes and scores."""
