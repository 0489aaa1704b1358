// Two people over @urql/core: bob listens by server-sent events, alice sends him a message with a file, and is refused
// once. `node index.js [URL [NAME]]`: with a name it listens as that person, and comes back by itself.
// In a page it is the same; urql's `fetchSubscriptions` is all that event streams need.
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
      ... on UserError { detail code }
    }
  }
`
const HEAR = /* GraphQL */ `
  subscription Hear($after: EventCursor) {
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

// Codes of errors.md after which the same may pass; after any other an error is the end.
const PASSING = ['UNAVAILABLE', 'RATE_LIMITED', 'TIMEOUT', 'INTERNAL']

/** The data of a result; top-level errors are thrown. */
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
 * Calls `apply` with each new message, in order, none twice, and comes back after the last cursor whenever the stream
 * breaks off. Returns the function that ends it.
 */
function listen(client, cursor, apply) {
  let after = cursor
  let pause = 1000
  let subscription
  let timer
  let ended = false
  const again = () => {
    timer = setTimeout(start, pause * (0.5 + Math.random() / 2))
    pause = Math.min(30_000, pause * 2)
  }
  const start = () => {
    subscription?.unsubscribe() // only now: one that was refused comes to its end by itself
    let isOver = false
    subscription = client.subscription(HEAR, { after }).subscribe(({ data, error, hasNext }) => {
      if (ended || isOver) return
      if (data?.privateMessageReceived) {
        after = data.privateMessageReceived.cursor // first: what `apply` does not like is not asked for again and again
        pause = 1000
        apply(data.privateMessageReceived.message)
      }
      isOver = Boolean(error) || hasNext === false
      if (!isOver) return
      const isFinal = error?.graphQLErrors.some(({ extensions }) => !PASSING.includes(extensions?.code))
      console.error(`${isFinal ? 'no more' : 'again'}: ${error?.message ?? 'the stream has ended'}`)
      if (!isFinal) again()
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
  console.log(`${listener} hears ${sender?.username ?? 'nobody'}: ${text ?? ''}${files}`)
}

/** Listens as somebody, until it is stopped. */
async function listenAs(name) {
  const client = await signIn(name)
  const { viewer } = dataOf(await client.query(START, {}))
  listen(client, viewer.eventCursor, (message) => show(name, message))
  console.log(`listening as ${name}`)
}

/** Bob listens; alice sends to him, and to nobody. */
async function tell() {
  const [alice, bob] = [await signIn('alice'), await signIn('bob')]
  const { viewer } = dataOf(await bob.query(START, {}))
  let stop
  const heard = new Promise((resolve) => {
    stop = listen(bob, viewer.eventCursor, (message) => resolve(show('bob', message)))
  })

  const file = new File(['Meet me at the harbour.\n'], 'notes.txt', { type: 'text/plain' })
  const to = { users: [{ username: 'bob' }] }
  const sent = dataOf(await alice.mutation(SEND, { input: { to, text: 'See the notes', attachments: [{ file }] } }))
  console.log(`sent: ${sent.sendPrivateMessage.__typename}`)

  const wrong = { input: { to: { users: [{ username: 'nobody-at-all' }] }, text: 'Hello?' } }
  const refused = dataOf(await alice.mutation(SEND, wrong)).sendPrivateMessage
  console.log(`refused: ${refused.recipientRejections[0].detail}`)

  await heard
  stop()
  process.exit(0)
}

await (process.argv[3] ? listenAs(process.argv[3]) : tell())
