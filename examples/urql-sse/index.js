// Two users with @urql/core: bob listens over server-sent events, alice sends him a message with a file and gets one
// error. `node index.js [URL [NAME]]`: with a name, it listens as that user and reconnects automatically.
// The same code works in a web page; server-sent events only need urql's `fetchSubscriptions`.
import { Client, fetchExchange } from '@urql/core'

const url = `${process.argv[2] ?? 'http://127.0.0.1:8000'}/graphql`

const SIGN_IN = /* GraphQL */ `
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) { ... on SignInSuccess { token } ... on UserError { detail code } }
  }
`
const START = /* GraphQL */ `
  query Start { viewer { eventCursor user { username } } }
`
const SEND = /* GraphQL */ `
  mutation Send($input: SendPrivateMessageInput!) {
    sendPrivateMessage(input: $input) {
      __typename
      ... on SendPrivateMessageSuccess { message { id attachments { filename byteSize } } }
      ... on RecipientsRejectedError { recipientRejections { index reason detail } }
      ... on UserError { detail code isRetryable }
    }
  }
`
const RECEIVED = /* GraphQL */ `
  subscription Received($after: EventCursor) {
    privateMessageReceived(after: $after) { cursor message { text sender { username } attachments { filename url } } }
  }
`

function createClient(token) {
  return new Client({
    url,
    exchanges: [fetchExchange],
    fetchSubscriptions: true,
    preferGetMethod: false,
    fetchOptions: token ? { headers: { authorization: `Bearer ${token}` } } : {},
  })
}

// Errors after which a retry can succeed, see errors.md; any other error is final.
const RETRYABLE = ['UNAVAILABLE', 'RATE_LIMITED', 'TIMEOUT', 'INTERNAL']

/** The data of a result; throws top-level errors. */
function dataOf({ data, error }) {
  if (error) throw error
  return data
}

async function signIn(username) {
  const answer = dataOf(await createClient().mutation(SIGN_IN, { input: { username, password: 'demo' } }))
  if (!answer.signIn.token) throw new Error(answer.signIn.detail)
  return createClient(answer.signIn.token)
}

/**
 * Calls `apply` with each new message once and in order, and resumes after the last cursor when the connection is lost.
 * Returns a function that stops it.
 */
function listen(client, cursor, apply) {
  let after = cursor
  let pause = 1000
  let subscription
  let timer
  let ended = false
  const retry = () => {
    timer = setTimeout(start, pause * (0.5 + Math.random() / 2))
    pause = Math.min(30_000, pause * 2)
  }
  const start = () => {
    subscription?.unsubscribe() // not earlier: a refused subscription completes by itself
    let isOver = false
    subscription = client.subscription(RECEIVED, { after }).subscribe(({ data, error, hasNext }) => {
      if (ended || isOver) return
      if (data?.privateMessageReceived) {
        after = data.privateMessageReceived.cursor // first: an error in `apply` must not repeat it
        pause = 1000
        apply(data.privateMessageReceived.message)
      }
      isOver = Boolean(error) || hasNext === false
      if (!isOver) return
      const isFinal = error?.graphQLErrors.some(({ extensions }) => !RETRYABLE.includes(extensions?.code))
      console.error(`${isFinal ? 'stopped' : 'retrying'}: ${error?.message ?? 'the stream has ended'}`)
      if (!isFinal) retry()
    })
  }
  start()
  return () => {
    ended = true
    clearTimeout(timer)
    subscription.unsubscribe()
  }
}

function show(listener, { sender, text, attachments }) {
  const files = attachments.map(({ filename }) => ` [${filename}]`).join('')
  console.log(`${listener} received from ${sender?.username ?? 'nobody'}: ${text ?? ''}${files}`)
}

/** Listens as a user until it is stopped. */
async function listenAs(name) {
  const client = await signIn(name)
  const { viewer } = dataOf(await client.query(START, {}))
  listen(client, viewer.eventCursor, (message) => show(name, message))
  console.log(`listening as ${name}`)
}

/** Bob listens; alice sends to him and to an unknown user. */
async function demonstrate() {
  const [alice, bob] = [await signIn('alice'), await signIn('bob')]
  const { viewer } = dataOf(await bob.query(START, {}))
  let stop
  const received = new Promise((resolve) => {
    stop = listen(bob, viewer.eventCursor, (message) => resolve(show('bob', message)))
  })

  const file = new File(['Meet me at the harbour.\n'], 'notes.txt', { type: 'text/plain' })
  const to = { users: [{ username: 'bob' }] }
  const sent = dataOf(await alice.mutation(SEND, { input: { to, text: 'See the notes', attachments: [{ file }] } }))
  console.log(`sent: ${sent.sendPrivateMessage.__typename}`)

  const wrong = { input: { to: { users: [{ username: 'nobody-at-all' }] }, text: 'Hello?' } }
  const refused = dataOf(await alice.mutation(SEND, wrong)).sendPrivateMessage
  console.log(`refused: ${refused.recipientRejections[0].detail}`)

  await received
  stop()
  process.exit(0)
}

await (process.argv[3] ? listenAs(process.argv[3]) : demonstrate())
