// Nothing but the platform: fetch with JSON, fetch with FormData, and an event stream read from a fetch.
import { HEAR, ask, tell, url } from './story.js'
import { sendFiles } from './upload.js'

async function* heard(token, after) {
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${token}` }
  const leaving = new AbortController()
  const body = JSON.stringify({ query: HEAR, variables: { after } })
  const response = await fetch(url, { method: 'POST', headers, body, signal: leaving.signal })
  let rest = ''
  try {
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      const frames = (rest + text).split('\n\n')
      rest = frames.pop()
      for (const frame of frames) {
        if (frame.startsWith('event: next')) yield JSON.parse(frame.split('\ndata: ')[1]).data
      }
    }
  } finally {
    leaving.abort()
  }
}

await tell((token) => ({
  query: (document, variables) => ask(document, variables, token),
  send: (input, files) => sendFiles(token, input, files),
  hear: (after) => heard(token, after),
}))
