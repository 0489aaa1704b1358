import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// The page and the API have the same origin, so neither CORS nor SOTTO_ALLOWED_ORIGINS is needed; use a proxy in
// production too. It must keep the Host header of the browser, because links to files are built from it.
const target = process.env.SOTTO ?? 'http://127.0.0.1:8000'
const proxy = { '/graphql': { target, ws: true }, '/files': { target } }

export default defineConfig({ plugins: [react()], server: { proxy }, preview: { proxy } })
