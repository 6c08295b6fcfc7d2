"""The checkpoints of a study: where they lie, which are kept, and which one a run resumes from."""
