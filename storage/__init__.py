"""Storage of file contents."""
