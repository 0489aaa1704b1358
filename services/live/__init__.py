"""What clients hear as it happens: the event stream, presence and typing."""
