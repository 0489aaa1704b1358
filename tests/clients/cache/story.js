// The story that every cache tells: an inbox and two threads on two devices of one person, while they and others act.
// After each step the caches show what a new client loads, and no query was sent again.
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'

import { ask, url } from '../story.js'

const SECONDS = 15
const PASSWORD = 'between clients'

/** `fetch` for one device; `queries` counts the queries that it has sent. */
export class Transport {
  queries = 0

  constructor(token) {
    this.headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    this.fetch = (_url, { body, signal }) => {
      if (/^query /m.test(JSON.parse(body).query)) this.queries += 1
      return fetch(url, { method: 'POST', headers: this.headers, body, signal })
    }
  }

  /** The response to a query or mutation. */
  async post(query, variables) {
    const response = await (await this.fetch(url, { body: JSON.stringify({ query, variables }) })).json()
    assert.equal(response.errors, undefined, JSON.stringify(response.errors))
    return response
  }
}

/** Somebody whose client has no cache. */
class Person {
  static async signUp(name) {
    const username = `${name}-${Math.random().toString(36).slice(2, 12)}`
    const token = (await succeed('signUp', { username, password: PASSWORD }, 'token')).token
    return new Person(username, token)
  }

  constructor(username, token) {
    this.username = username
    this.token = token
    this.reference = { username }
  }

  /** The token of another device. */
  async otherToken() {
    return (await succeed('signIn', { username: this.username, password: PASSWORD }, 'token')).token
  }

  do(mutation, input, selection = '') {
    return succeed(mutation, input, selection, this.token)
  }

  async send(text, to, more = {}) {
    const input = {
      text,
      to: typeof to === 'string' ? { conversationId: to } : { users: to.map(({ reference }) => reference) },
    }
    const { message } = await this.do('sendPrivateMessage', { ...input, ...more }, 'message { id conversation { id } }')
    return { id: message.id, place: message.conversation.id }
  }

  async cursor() {
    return (await ask('{ viewer { eventCursor } }', {}, this.token)).viewer.eventCursor
  }
}

async function succeed(mutation, input, selection, token) {
  const type = mutation[0].toUpperCase() + mutation.slice(1)
  const document = `mutation ($input: ${type}Input!) {
    result: ${mutation}(input: $input) {
      __typename ... on ${type}Success { __typename ${selection} } ... on UserError { detail }
    }
  }`
  const { result } = await ask(document, { input }, token)
  assert.equal(result.__typename, `${type}Success`, JSON.stringify(result))
  return result
}

/** A device of alice: a client with a cache, and what its screens show. */
class Device {
  constructor(connect, token, threads) {
    this.transport = new Transport(token)
    this.client = connect(token, this.transport)
    this.threads = threads
  }

  async load() {
    await this.client.load('Inbox', {})
    for (const id of this.threads) await this.client.load('Thread', { id })
    this.loads = this.transport.queries
  }

  async do(name, input) {
    const result = Object.values(await this.client.mutate(name, { input }))[0]
    assert.match(result.__typename, /Success$/, JSON.stringify(result))
    return result
  }

  screens() {
    const threads = this.threads.map((id) => [id, plain(this.client.read('Thread', { id }))])
    return { inbox: plain(this.client.read('Inbox', {})), ...Object.fromEntries(threads) }
  }
}

const OF_THE_CLIENT = new Set(['__typename', '__id', '__fragments', 'startCursor', 'endCursor'])

/** What a screen shows: without what the client adds, and without cursors of pages. */
function plain(data) {
  if (Array.isArray(data)) return data.map(plain)
  if (data === null || typeof data !== 'object') return data
  const entries = Object.entries(data).filter(
    ([key]) => !OF_THE_CLIENT.has(key) && !(key === 'cursor' && 'folder' in data.node),
  )
  return Object.fromEntries(entries.map(([key, value]) => [key, plain(value)]))
}

/** Where two screens differ, with what the cache has and what the server says. */
function differences(shown, fresh, path = '') {
  if (Object.is(shown, fresh)) return []
  const areObjects = [shown, fresh].every((each) => each !== null && typeof each === 'object')
  if (!areObjects) return [`${path}: ${JSON.stringify(shown)} instead of ${JSON.stringify(fresh)}`]
  const keys = new Set([...Object.keys(shown), ...Object.keys(fresh)])
  return [...keys].flatMap((key) => differences(shown[key], fresh[key], `${path}.${key}`))
}

/**
 * Runs the story with what `connect(token, transport)` gives: `load(name, variables)` from the server, `read(name,
 * variables)` from the cache alone, `mutate(name, variables)`, `listen(after, fail)` and `close()`.
 */
export async function tell(connect) {
  const names = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank']
  const [alice, bob, carol, dave, erin, frank] = await Promise.all(names.map((name) => Person.signUp(name)))

  await alice.do('updateMessagingSettings', { acceptMessagesFrom: 'FOLLOWED_BY_ME', fromOthers: 'REQUEST' })
  for (const friend of [bob, carol]) await alice.do('followUser', { user: friend.reference })
  const { place } = await alice.send('Hello, Bob', [bob])
  const his = []
  for (const text of ['One', 'Two', 'Three', 'Four']) his.push((await bob.send(text, place)).id)
  const hers = await alice.send('Five', place)
  await bob.send('Six', place)
  const withCarol = (await carol.send('Hello', [alice])).place
  const group = (await bob.send('All of us', [alice, carol])).place
  await dave.send('May I?', [alice])
  await frank.send('Hello?', [alice])

  const threads = [place, group]
  const start = await alice.cursor()
  const phone = new Device(connect, alice.token, threads)
  const desk = new Device(connect, await alice.otherToken(), threads)
  const devices = [phone, desk]
  for (const device of devices) await device.load()
  const failed = []
  let mayLoad = false
  phone.client.listen(start, (error) => failed.push(error))

  const loaded = async () => {
    const fresh = new Device(connect, alice.token, threads)
    await fresh.load()
    const screens = fresh.screens()
    await fresh.client.close()
    return screens
  }
  /** Every device shows what a new client loads; the desk at once, as long as it hears nothing. */
  const same = async (step, { atOnce = [], soon = devices }) => {
    const until = Date.now() + SECONDS * 1000
    for (;;) {
      assert.deepEqual(failed, [], step)
      const fresh = await loaded()
      for (const device of atOnce) assert.deepEqual(differences(device.screens(), fresh), [], `${step}: its own result`)
      try {
        for (const device of soon) assert.deepEqual(differences(device.screens(), fresh), [], `${step}: an event`)
        break
      } catch (error) {
        if (Date.now() > until) throw error
        await pause(50)
      }
    }
    if (!mayLoad)
      for (const device of devices)
        assert.equal(device.transport.queries, device.loads, `${step}: a query was sent again`)
  }

  // 1: the desk acts and hears nothing: the results say all that has changed. The phone hears it.
  const step = async (name, input) => {
    const result = await desk.do(name, input)
    await same(`${name} ${JSON.stringify(input)}`, { atOnce: [desk], soon: [phone] })
    return result
  }
  await same('the beginning', { atOnce: devices, soon: [] })
  const { messageEdge } = await step('Send', {
    to: { conversationId: place },
    text: 'Seven',
    clientMessageId: crypto.randomUUID(),
  })
  const answer = await step('Send', { to: { conversationId: place }, text: 'To Five', replyToId: hers.id })
  await step('Edit', { messageId: messageEdge.node.id, text: 'Seven, edited' })
  await step('React', { messageId: his[3], emoji: '👍', reacted: true })
  await step('Delete', { messageId: hers.id, scope: 'FOR_EVERYONE' }) // a reply to it is shown
  await step('Delete', { messageId: his[1], scope: 'FOR_ME' })
  await step('Read', { conversationId: group })
  await step('Unread', { conversationId: place, fromMessageId: his[3] })
  await step('Read', { conversationId: place })
  await step('Delete', { messageId: answer.messageEdge.node.id, scope: 'FOR_EVERYONE' }) // the newest one
  const first = await step('Send', { to: { users: [erin.reference] }, text: 'Are you there?' })
  await step('Prefer', { conversationId: group, isMuted: true, isPinned: true })
  await step('Prefer', { conversationId: group, isMuted: false })
  await step('Prefer', { conversationId: withCarol, isArchived: true })
  await step('Mute', { user: bob.reference })
  await step('Unmute', { user: bob.reference })
  const { requests } = desk.client.read('Inbox', {})
  const requestOf = ({ username }) =>
    requests.edges.find(({ node }) => node.otherParticipants[0].user.username === username).node.id
  const fromDave = requestOf(dave)
  await step('Decline', { conversationId: requestOf(frank) })
  await step('Accept', { conversationId: fromDave })
  await step('Follow', { user: dave.reference })
  await step('Clear', { conversationId: place, upToMessageId: his[2] })
  await step('Clear', { conversationId: first.conversation.id })

  // 2: the desk hears all of it again, and nothing is there twice.
  desk.client.listen(start, (error) => failed.push(error))
  await same('a replay', {})

  // 3: others act, and the phone; both devices hear it.
  const others = async (name, action) => {
    const result = await action()
    await same(name, {})
    return result
  }
  const eight = await others('bob sends', () => bob.send('Eight', place))
  await others('bob sends two', () => Promise.all([bob.send('Nine', place), bob.send('Ten', place)]))
  await others('bob edits', () => bob.do('editMessage', { messageId: eight.id, text: 'Eight, edited' }))
  await others('bob reacts', () =>
    bob.do('setReaction', { messageId: messageEdge.node.id, emoji: '🎉', reacted: true }),
  )
  await others('bob deletes', () => bob.do('deleteMessage', { messageId: eight.id, scope: 'FOR_EVERYONE' }))
  await others('bob reads', () => bob.do('markConversationRead', { conversationId: place }))
  await others('dave has it', async () => {
    const { id } = await alice.send('Welcome', fromDave)
    await dave.do('acknowledgeDelivery', { conversationId: fromDave, upToMessageId: id })
  })
  await others('erin answers', () => erin.send('I am', [alice]))
  await others('carol writes to the archive', () => carol.send('Are you there?', withCarol))
  const grace = await Person.signUp('grace')
  const asked = await others('grace asks', () => grace.send('May I?', [alice]))
  await others('grace thinks again', () => grace.do('deleteMessage', { messageId: asked.id, scope: 'FOR_EVERYONE' }))
  const heidi = await Person.signUp('heidi')
  await heidi.do('updateMessagingSettings', { acceptMessagesFrom: 'FOLLOWED_BY_ME', fromOthers: 'REQUEST' })
  for (const text of ['Hello?', 'Are you there?', 'It is urgent']) {
    await others(`a request: ${text}`, () => desk.do('Send', { to: { users: [heidi.reference] }, text }))
  }
  await others('heidi follows', () => heidi.do('followUser', { user: alice.reference }))
  await others('bob follows', () => bob.do('followUser', { user: alice.reference }))
  await others('all to the group', () => carol.send('Hello, all', group))
  await others('the phone mutes it', () => phone.do('Prefer', { conversationId: group, isMuted: true }))
  await others('the phone mutes carol', () => phone.do('Mute', { user: carol.reference }))
  await others('the phone clears it', () => phone.do('Clear', { conversationId: group }))
  await others('carol writes again', () => carol.send('Again', group))
  await others('all is read', () => phone.do('ReadAll', { includeArchived: true }))
  await others('carol leaves', () => carol.do('leaveConversation', { conversationId: group }))
  await others('the phone leaves', () => phone.do('Leave', { conversationId: group }))

  // 4: after a stream that cannot go on, a block, and other settings, everything is loaded again.
  const tablet = new Device(connect, alice.token, threads)
  await tablet.load()
  await bob.send('Missed', place)
  tablet.client.listen(await bob.cursor(), (error) => failed.push(error))
  await same('a reset', { soon: [...devices, tablet] })
  assert.ok(tablet.transport.queries > tablet.loads, 'the reset was not heard')
  await others('bob reacts again', () =>
    bob.do('setReaction', { messageId: messageEdge.node.id, emoji: '👋', reacted: true }),
  )
  mayLoad = true
  const reloaded = async (name, action) => {
    for (const device of devices) device.loads = device.transport.queries
    await others(name, action)
    const have = () => devices.every(({ transport, loads }) => transport.queries > loads)
    for (const until = Date.now() + SECONDS * 1000; !have() && Date.now() < until;) await pause(50)
    assert.ok(have(), `${name}: nothing was loaded again`)
  }
  await reloaded('a block', () => alice.do('blockUser', { user: bob.reference }))
  await reloaded('no receipts', () => phone.do('Settings', { sendReadReceipts: false }))

  for (const device of [...devices, tablet]) await device.client.close()
  console.log('told')
  process.exit(0)
}
