import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// The page and the API come from one origin, so neither CORS nor SOTTO_ALLOWED_ORIGINS is needed; a proxy does it in
// production as well. The Host header stays as the browser sent it: links to files are made of it.
const target = process.env.SOTTO ?? 'http://127.0.0.1:8000'
const proxy = { '/graphql': { target, ws: true }, '/files': { target } }

export default defineConfig({ plugins: [react()], server: { proxy }, preview: { proxy } })
