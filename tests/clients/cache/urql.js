// @urql/core 6: Graphcache 9 with examples/caches/urql.js.
import { readFileSync } from 'node:fs'

import { Client, fetchExchange, subscriptionExchange } from '@urql/core'
import { cacheExchange } from '@urql/exchange-graphcache'
import { buildSchema, introspectionFromSchema } from 'graphql'

import { optionsFor } from '../../../examples/caches/urql.js'
import { socketOf } from '../socket.js'
import { url } from '../story.js'
import { DOCUMENTS } from './document.js'
import { tell } from './story.js'

const schema = introspectionFromSchema(buildSchema(readFileSync('../../schema.graphql', 'utf8')))

/** Graphcache warns, for example, of a type that has neither an ID nor a key. */
function logger(severity, text) {
  if (severity === 'debug') return
  console.error(text)
  process.exit(1)
}

await tell((token, transport) => {
  const socket = socketOf(token)
  const forwardSubscription = (request) => ({
    subscribe: (sink) => ({ unsubscribe: socket.subscribe({ ...request, query: request.query }, sink) }),
  })
  const client = new Client({
    url,
    preferGetMethod: false,
    fetch: transport.fetch,
    exchanges: [cacheExchange({ ...optionsFor(schema), logger }), subscriptionExchange({ forwardSubscription }), fetchExchange],
  })
  const shown = new Map()
  return {
    load: (name, variables) =>
      new Promise((resolve, reject) =>
        client.query(DOCUMENTS[name], variables).subscribe(({ data, error, stale }) => {
          if (error) return reject(error)
          shown.set(name + variables.id, data)
          if (!stale) resolve(data)
        }),
      ),
    read: (name, variables) => shown.get(name + variables.id),
    mutate: async (name, variables) => {
      const { data, error } = await client.mutation(DOCUMENTS[name], variables)
      if (error) throw error
      return data
    },
    listen: (after, fail) =>
      client.subscription(DOCUMENTS.Events, { after }).subscribe(({ error }) => error && fail(error)),
    close: () => socket.dispose(),
  }
})
