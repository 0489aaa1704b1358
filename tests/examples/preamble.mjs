// What a page has and Node 20 has not, and what the scripts of the documentation leave to their reader.
import WebSocket from 'ws'

globalThis.WebSocket ??= WebSocket
globalThis.token = process.env.TOKEN
globalThis.freshToken = async () => globalThis.token
