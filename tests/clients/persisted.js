// The links that send a hash in the place of a document: Apollo's and urql's, by POST, by GET and as a stream. With `off`
// as the second argument, the server keeps no documents, and the links send them after all.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { Client, fetchExchange } from '@urql/core'
import { persistedExchange } from '@urql/exchange-persisted'

import { url } from './story.js'

const isOff = process.argv[3] === 'off'
const asked = []
const spied = async (address, options) => {
  const body = options?.body ? JSON.parse(options.body) : Object.fromEntries(new URL(address).searchParams)
  asked.push('query' in body)
  return fetch(address, options)
}
const sha256 = (text) => createHash('sha256').update(text).digest('hex')

function apollo(useGETForHashedQueries) {
  const link = new PersistedQueryLink({ sha256, useGETForHashedQueries })
  const client = new ApolloClient({ cache: new InMemoryCache(), link: link.concat(new HttpLink({ uri: url, fetch: spied })) })
  return {
    query: async (text) => (await client.query({ query: gql(text), fetchPolicy: 'network-only' })).data,
    mutate: async (text, variables) => (await client.mutate({ mutation: gql(text), variables })).data,
  }
}

function urql(preferGetForPersistedQueries, token) {
  const persisted = persistedExchange({
    preferGetForPersistedQueries,
    enableForMutation: true,
    enableForSubscriptions: true,
    generateHash: async (text) => sha256(text),
  })
  const client = new Client({
    url,
    fetch: spied,
    preferGetMethod: false,
    fetchSubscriptions: true,
    fetchOptions: token ? { headers: { authorization: `Bearer ${token}` } } : {},
    exchanges: [persisted, fetchExchange],
  })
  const dataOf = ({ data, error }) => {
    if (error) throw error
    return data
  }
  return {
    query: async (text) => dataOf(await client.query(text, {}, { requestPolicy: 'network-only' }).toPromise()),
    mutate: async (text, variables) => dataOf(await client.mutation(text, variables).toPromise()),
    hear: (text, variables) => client.subscription(text, variables),
  }
}

// Each is sent for the first time in its own run: the register is shared by all clients.
let count = 0
const SIGN_UP = () => `mutation SignUp${(count += 1)}($input: SignUpInput!) {
  signUp(input: $input) { __typename ... on SignUpSuccess { token } }
}`
const newcomer = () => ({ input: { username: `link-${Math.random().toString(36).slice(2, 12)}`, password: 'between clients' } })
const expected = isOff ? [false, true, true] : [false, true, false]

for (const connect of [apollo, urql]) {
  for (const byGet of [false, true]) {
    const client = connect(byGet)
    const query = `query Version${(count += 1)} { serverInfo { version } }`
    asked.length = 0
    const [first, second] = [await client.query(query), await client.query(query)]
    assert.match(first.serverInfo.version, /^\d+\./)
    assert.deepEqual(second, first)
    assert.deepEqual(asked, expected, `${connect.name}: the hash, then both, then the hash`)

    asked.length = 0
    await connect(byGet).query(query)
    assert.deepEqual(asked, isOff ? [false, true] : [false], `${connect.name}: a new client finds it registered`)

    const mutation = SIGN_UP()
    asked.length = 0
    for (const variables of [newcomer(), newcomer()]) {
      const { signUp } = await client.mutate(mutation, variables)
      assert.equal(signUp.__typename, 'SignUpSuccess')
    }
    assert.deepEqual(asked, isOff ? [true, true] : expected, `${connect.name}: mutations as well`)
  }
}

const [{ signUp: sender }, { signUp: receiver }] = [
  await urql(false).mutate(SIGN_UP(), newcomer()),
  await urql(false).mutate(SIGN_UP(), newcomer()),
]
const { viewer } = await urql(false, receiver.token).query('{ viewer { eventCursor user { username } } }')
const HEAR = 'subscription Hear($after: EventCursor) { privateMessageReceived(after: $after) { message { text } } }'
for (const documents of isOff ? [[false, true], [false, true]] : [[false, true], [false]]) {
  asked.length = 0
  await new Promise((resolve, reject) => {
    const stream = urql(false, receiver.token).hear(HEAR, { after: viewer.eventCursor })
    stream.subscribe(({ data, error }) => {
      if (error) return reject(error)
      assert.equal(data.privateMessageReceived.message.text, 'Heard by its hash')
      resolve()
    })
    const input = { to: { users: [{ username: viewer.user.username }] }, text: 'Heard by its hash' }
    setTimeout(() => send(input).catch(reject), 300)
  })
  assert.deepEqual(asked, documents, 'a stream by its hash')
}
console.log('told')
process.exit(0)

async function send(input) {
  const query = `mutation ($input: SendPrivateMessageInput!) { sendPrivateMessage(input: $input) { __typename } }`
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${sender.token}` }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables: { input } }) })
  const { data } = await response.json()
  assert.equal(data.sendPrivateMessage.__typename, 'SendPrivateMessageSuccess')
}
