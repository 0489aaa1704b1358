// The story that every client tells: a query, two files, a refusal, a message heard live.
// A client supplies four functions; what arrives is compared here, byte by byte.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

export const VIEWER = /* GraphQL */ `
  query Viewer { viewer { eventCursor user { username } } }
`

export const SEND = /* GraphQL */ `
  mutation Send($input: SendPrivateMessageInput!) {
    sendPrivateMessage(input: $input) {
      __typename
      ... on SendPrivateMessageSuccess {
        message { id text attachments { filename mimeType byteSize sha256 url } }
      }
      ... on RecipientsRejectedError { recipientRejections { index reason } }
      ... on UserError { detail code }
    }
  }
`

export const HEAR = /* GraphQL */ `
  subscription Hear($after: EventCursor) {
    privateMessageReceived(after: $after) { message { text sender { username } } }
  }
`

const SIGN_UP = /* GraphQL */ `
  mutation SignUp($input: SignUpInput!) {
    signUp(input: $input) { __typename ... on SignUpSuccess { token } ... on UserError { detail } }
  }
`

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const PICTURE = Buffer.from(PIXEL, 'base64')
const NOTES = Buffer.from('Zwei Dateien, ein Gruß: «sotto voce».\n')

export const FILES = [
  { name: 'pixel.png', type: 'image/png', bytes: PICTURE },
  { name: 'Notizen für Bob.txt', type: 'text/plain', bytes: NOTES },
]

export const filesOf = () => FILES.map(({ name, type, bytes }) => new File([bytes], name, { type }))

export const url = process.argv[2]
export const socketUrl = url.replace(/^http/, 'ws')

/** A plain request, for what is not the matter of the client under test. */
export async function ask(query, variables, token) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })
  const { data, errors } = await response.json()
  assert.equal(errors, undefined, JSON.stringify(errors))
  return data
}

async function signUp(name) {
  const username = `${name}-${Math.random().toString(36).slice(2, 12)}`
  const { signUp: answer } = await ask(SIGN_UP, { input: { username, password: 'between clients' } })
  assert.equal(answer.__typename, 'SignUpSuccess', JSON.stringify(answer))
  return { username, token: answer.token }
}

/**
 * Runs the story with what `connect(token)` gives: `query(document, variables)`, `send(input, files)`, which puts the
 * files to their places in `input.attachments`, and `hear(after)`, an async iterator of the subscription's data.
 */
export async function tell(connect, { names = FILES.map((file) => file.name) } = {}) {
  const [alice, bob] = [await signUp('alice'), await signUp('bob')]
  const hers = await connect(alice.token)
  const his = await connect(bob.token)

  const { viewer } = await his.query(VIEWER, {})
  assert.equal(viewer.user.username, bob.username)

  const to = { users: [{ username: bob.username }] }
  const sent = await hers.send({ to, text: 'Two files for you', attachments: [{ file: null }, { file: null }] }, filesOf())
  assert.equal(sent.sendPrivateMessage.__typename, 'SendPrivateMessageSuccess', JSON.stringify(sent))
  await compareFiles(sent.sendPrivateMessage.message.attachments, names)

  const nobody = { users: [{ username: 'nobody-by-this-name' }] }
  const { sendPrivateMessage: refused } = await hers.query(SEND, { input: { to: nobody, text: 'Hello?' } })
  assert.equal(refused.__typename, 'RecipientsRejectedError')
  assert.deepEqual(refused.recipientRejections.map(({ index, reason }) => ({ index, reason })), [
    { index: 0, reason: 'NOT_FOUND' },
  ])

  const heard = his.hear(viewer.eventCursor)[Symbol.asyncIterator]()
  const first = (await heard.next()).value.privateMessageReceived.message
  assert.equal(first.text, 'Two files for you')
  const next = heard.next()
  await ask(SEND, { input: { to, text: 'And one live' } }, alice.token)
  const live = (await next).value.privateMessageReceived.message
  assert.equal(live.text, 'And one live')
  assert.equal(live.sender.username, alice.username)
  await heard.return?.()
  await hers.close?.()
  await his.close?.()
  console.log('told')
  process.exit(0)
}

async function compareFiles(attachments, names) {
  assert.equal(attachments.length, FILES.length)
  for (const [index, { type, bytes }] of FILES.entries()) {
    const { filename, mimeType, byteSize, sha256, url: address } = attachments[index]
    assert.equal(filename, names[index])
    assert.equal(mimeType, type)
    assert.equal(byteSize, bytes.length)
    assert.equal(sha256, createHash('sha256').update(bytes).digest('hex'))
    const downloaded = Buffer.from(await (await fetch(address)).arrayBuffer())
    assert.deepEqual(downloaded, bytes)
  }
}

/** An async iterator over what a callback API pushes; `start(push, fail)` returns the function that stops it. */
export async function* pulled(start) {
  const queue = []
  let wake = () => {}
  const put = (item) => {
    queue.push(item)
    wake()
  }
  const stop = start((value) => put({ value }), (error) => put({ error }))
  try {
    for (;;) {
      while (!queue.length) await new Promise((resolve) => (wake = resolve))
      const { value, error } = queue.shift()
      if (error) throw error
      yield value
    }
  } finally {
    stop()
  }
}
