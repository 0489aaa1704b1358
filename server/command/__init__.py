"""What the operator's commands do, on the folder itself or inside a running server."""
