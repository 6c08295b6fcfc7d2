"""Configuration of a run: settings, presets, and TOML read into records."""
