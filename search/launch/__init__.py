"""A launch: which study is meant, whether it may continue, and everything around driving it."""
