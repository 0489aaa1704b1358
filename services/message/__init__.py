"""Messages and conversations: sending, changing, reading, reporting."""
