"""What a person sees: live progress, events, tables."""
