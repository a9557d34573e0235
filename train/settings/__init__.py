"""What can be set for a run: types, defaults, presets, and how files and flags are read."""
