"""Settings of a search: configuration, presets, protocols, and NAME=VALUE flags."""
