"""What clients receive live: the event stream, presence and typing."""
