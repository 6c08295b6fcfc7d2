"""Launch or resume a study: find it, check that it may continue, and drive it."""
