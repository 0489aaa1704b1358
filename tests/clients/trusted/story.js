// What every client does on a server with a manifest: its own documents by their ids, and others are refused.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

export const [url, file] = process.argv.slice(2)
export const manifest = JSON.parse(readFileSync(file, 'utf8'))
export const socketUrl = url.replace(/^http/, 'ws')

/** The bodies of the requests that a client makes. */
export const bodies = []
export const spied = async (address, options) => {
  bodies.push(options?.body ? JSON.parse(options.body) : Object.fromEntries(new URL(address).searchParams))
  return fetch(address, options)
}

/**
 * `connect(token)` gives `viewer()`, `signUp(input)`, `send(input)`, each resolving to the data, and `hear(after, push)`,
 * which returns the function that stops it.
 */
export async function tell(connect) {
  const people = []
  for (const name of ['alice', 'bob']) {
    const username = `${name}-${Math.random().toString(36).slice(2, 12)}`
    const { signUp } = await connect().signUp({ username, password: 'between clients' })
    people.push({ username, client: connect(signUp.token) })
  }
  const [alice, bob] = people
  const { viewer } = await bob.client.viewer()
  assert.equal(viewer.user.username, bob.username)

  const input = { to: { users: [{ username: bob.username }] }, text: 'By its id' }
  const heard = new Promise((resolve) => (bob.stop = bob.client.hear(viewer.eventCursor, resolve)))
  assert.equal((await alice.client.send(input)).sendPrivateMessage.message.text, 'By its id')
  assert.equal((await heard).privateMessageReceived.message.text, 'By its id')
  bob.stop()

  assert.ok(bodies.length >= 4)
  assert.deepEqual(bodies.filter((body) => body.query), [], 'no request had a document')
  await refuse('{ __schema { queryType { name } } }')
  await refuse('mutation { signOut(input: {}) { __typename } }')
  console.log('told')
  process.exit(0)
}

async function refuse(query) {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) })
  const { data, errors } = await response.json()
  assert.equal(response.status, 403)
  assert.equal(data, undefined)
  assert.equal(errors[0].extensions.code, 'DOCUMENT_NOT_TRUSTED')
}
