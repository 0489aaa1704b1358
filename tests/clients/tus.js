// tus-js-client through a line that is cut at random places, and a server that is restarted in the middle.
// Arguments: the API's URL, and how many bytes; prints `half` when half has come, waits for a line on stdin, goes on.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import { Upload } from 'tus-js-client'
import { ask, url } from './story.js'

const SIZE = Number(process.argv[3])
const CUTS = 10
const SIGN_UP = 'mutation ($input: SignUpInput!) { signUp(input: $input) { ... on SignUpSuccess { token } } }'
const CREATE = `mutation ($input: CreateUploadInput!) { createUpload(input: $input) {
  ... on CreateUploadSuccess { upload { id uploadUrl } } ... on UserError { detail } } }`
const SEND = `mutation ($input: SendPrivateMessageInput!) { sendPrivateMessage(input: $input) { __typename
  ... on SendPrivateMessageSuccess { message { attachments { sha256 byteSize } } } ... on UserError { detail } } }`

const target = new URL(url)
let cuts = 0

// The line: every connection that carries bytes up is cut somewhere, until that has happened often enough.
const line = createServer((client) => {
  const server = connect(Number(target.port), target.hostname)
  const limit = cuts < CUTS ? 20_000 + Math.random() * (SIZE / (CUTS + 2)) : Infinity
  let sent = 0
  client.on('data', (chunk) => {
    sent += chunk.length
    server.write(chunk)
    if (sent > limit) {
      cuts += 1
      client.destroy()
      server.destroy()
    }
  })
  server.on('data', (chunk) => client.write(chunk))
  for (const [one, other] of [[client, server], [server, client]]) {
    one.on('error', () => other.destroy())
    one.on('close', () => other.destroy())
  }
})
line.listen(0, '127.0.0.1')
await once(line, 'listening')

const names = ['sender', 'receiver'].map((name) => `${name}-${Math.random().toString(36).slice(2, 12)}`)
const tokens = []
for (const username of names) {
  const { signUp } = await ask(SIGN_UP, { input: { username, password: 'between clients' } })
  tokens.push(signUp.token)
}
const content = Buffer.alloc(SIZE, 'The tide comes in, and the tide goes out.\n')
const sha256 = createHash('sha256').update(content).digest('hex')
const form = { filename: 'tide.txt', byteSize: SIZE, sha256 }
const { upload } = (await ask(CREATE, { input: form }, tokens[0])).createUpload
assert.ok(upload, 'an upload began')
const uploadUrl = upload.uploadUrl.replace(target.host, `127.0.0.1:${line.address().port}`)

let restart = null
await new Promise((resolve, reject) => {
  const uploading = new Upload(content, {
    uploadUrl,
    headers: { authorization: `Bearer ${tokens[0]}` },
    chunkSize: Math.ceil(SIZE / 6),
    retryDelays: Array(200).fill(50),
    onError: reject,
    onSuccess: resolve,
    onShouldRetry: () => true,
    onProgress: (sent) => {
      if (sent > SIZE / 2 && restart === null) {
        console.log('half')
        restart = once(process.stdin, 'data')
      }
    },
  })
  uploading.start()
})
await restart
process.stdin.destroy()
const draft = { to: { users: [{ username: names[1] }] }, attachments: [{ uploadId: upload.id }] }
const { sendPrivateMessage: sent } = await ask(SEND, { input: draft }, tokens[0])
assert.equal(sent.__typename, 'SendPrivateMessageSuccess', JSON.stringify(sent))
assert.deepEqual(sent.message.attachments, [{ sha256, byteSize: SIZE }])
assert.ok(cuts >= CUTS, `${cuts} cuts`)
console.log(`told after ${cuts} cuts`)
line.close()
process.exit(0)
