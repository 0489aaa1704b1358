"""Settings: sources, validation and descriptions."""
