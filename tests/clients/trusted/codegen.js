// urql with the ids of GraphQL Code Generator: its exchange for everything, subscriptions as Server-Sent Events.
import { Client, fetchExchange } from '@urql/core'
import { persistedExchange } from '@urql/exchange-persisted'

import * as documents from './documents.js'
import { idOf } from './ids.js'
import { spied, tell, url } from './story.js'

// The preset puts it into `document.__meta__.hash`.
const hashes = new Map(Object.values(documents).map((document) => [document.definitions[0].name.value, idOf(document)]))

const persisted = persistedExchange({
  enforcePersistedQueries: true,
  enableForMutation: true,
  enableForSubscriptions: true,
  generateHash: async (_, document) => hashes.get(document.definitions[0].name.value),
})

await tell((token) => {
  const client = new Client({
    url,
    fetch: spied,
    preferGetMethod: false,
    fetchOptions: token ? { headers: { authorization: `Bearer ${token}` } } : {},
    fetchSubscriptions: true,
    exchanges: [persisted, fetchExchange],
  })
  const dataOf = ({ data, error }) => {
    if (error) throw error
    return data
  }
  return {
    viewer: async () => dataOf(await client.query(documents.VIEWER, {})),
    signUp: async (input) => dataOf(await client.mutation(documents.SIGN_UP, { input })),
    send: async (input) => dataOf(await client.mutation(documents.SEND, { input })),
    hear: (after, push) => {
      const stream = client.subscription(documents.HEAR, { after })
      const { unsubscribe } = stream.subscribe(({ data, error }) => (error ? console.error(error) : push(data)))
      return unsubscribe
    },
  }
})
