"""How requests come in and answers go out: HTTP, multipart, WebSocket, Server-Sent Events, and execution between."""
