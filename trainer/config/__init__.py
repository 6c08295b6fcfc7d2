"""What a run depends on: settings, presets, protocols, TOML into records."""
