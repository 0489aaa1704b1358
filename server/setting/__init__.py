"""The settings: where they come from, how they are checked, and what they mean."""
