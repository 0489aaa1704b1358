// The links that send a hash in the place of a document: both get their answer, because they send the document after all.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { Client, fetchExchange } from '@urql/core'
import { persistedExchange } from '@urql/exchange-persisted'

import { url } from './story.js'

const asked = []
const spied = async (address, options) => {
  const body = options?.body ? JSON.parse(options.body) : Object.fromEntries(new URL(address).searchParams)
  asked.push('query' in body)
  return fetch(address, options)
}
const sha256 = (text) => createHash('sha256').update(text).digest('hex')

async function apollo(useGETForHashedQueries) {
  const link = new PersistedQueryLink({ sha256, useGETForHashedQueries })
  const client = new ApolloClient({ cache: new InMemoryCache(), link: link.concat(new HttpLink({ uri: url, fetch: spied })) })
  const ask = () => client.query({ query: gql`{ serverInfo { version } }`, fetchPolicy: 'network-only' })
  return [await ask(), await ask()].map(({ data }) => data.serverInfo.version)
}

async function urql(preferGetForPersistedQueries) {
  const persisted = persistedExchange({ preferGetForPersistedQueries, generateHash: async (text) => sha256(text) })
  const client = new Client({ url, fetch: spied, preferGetMethod: false, exchanges: [persisted, fetchExchange] })
  const ask = () => client.query('{ serverInfo { version } }', {}, { requestPolicy: 'network-only' }).toPromise()
  return [await ask(), await ask()].map(({ data, error }) => {
    if (error) throw error
    return data.serverInfo.version
  })
}

for (const ask of [apollo, urql]) {
  for (const byGet of [false, true]) {
    asked.length = 0
    const [first, second] = await ask(byGet)
    assert.match(first, /^\d+\./)
    assert.equal(second, first)
    assert.deepEqual(asked, [false, true, true], `${ask.name}: the hash once, then the document`)
  }
}
console.log('told')
