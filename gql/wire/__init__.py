"""The transports: HTTP, multipart, WebSocket and Server-Sent Events; and the execution of operations."""
