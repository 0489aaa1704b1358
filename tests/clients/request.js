// graphql-request 7; it has no uploads and no subscriptions, so these go by hand and by graphql-ws.
import { GraphQLClient } from 'graphql-request'

import { heardOver, socketOf } from './socket.js'
import { tell, url } from './story.js'
import { sendFiles } from './upload.js'

await tell((token) => {
  const client = new GraphQLClient(url, { headers: { authorization: `Bearer ${token}` } })
  const socket = socketOf(token)
  return {
    query: (document, variables) => client.request(document, variables),
    send: (input, files) => sendFiles(token, input, files),
    hear: (after) => heardOver(socket, after),
    close: () => socket.dispose(),
  }
})
