"""What a search depends on: settings, presets, protocols, NAME=VALUE."""
