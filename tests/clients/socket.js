// graphql-ws: subscriptions, and queries over the socket as well; files go by a request of their own.
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

import { HEAR, socketUrl, tell } from './story.js'
import { sendFiles } from './upload.js'

export const heardOver = async function* (client, after) {
  for await (const { data, errors } of client.iterate({ query: HEAR, variables: { after } })) {
    if (errors) throw new Error(JSON.stringify(errors))
    yield data
  }
}

/** Node 20 has no WebSocket of its own. */
export const socketOf = (token) =>
  createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: { authorization: `Bearer ${token}` } })

if (process.argv[1].endsWith('socket.js')) {
  await tell((token) => {
    const client = socketOf(token)
    return {
      query: async (query, variables) => {
        for await (const { data, errors } of client.iterate({ query, variables })) {
          if (errors) throw new Error(JSON.stringify(errors))
          return data
        }
      },
      send: (input, files) => sendFiles(token, input, files),
      hear: (after) => heardOver(client, after),
      close: () => client.dispose(),
    }
  })
}
