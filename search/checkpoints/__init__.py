"""The checkpoints of a study: where they are stored, and which one a run resumes from."""
