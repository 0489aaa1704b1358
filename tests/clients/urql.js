// @urql/core 6: subscriptions over graphql-ws, or with `sse` as the second argument over its own fetch.
import { Client, fetchExchange, subscriptionExchange } from '@urql/core'

import { socketOf } from './socket.js'
import { HEAR, SEND, pulled, tell, url } from './story.js'

const isSse = process.argv[3] === 'sse'

await tell((token) => {
  const authorization = `Bearer ${token}`
  const socket = socketOf(token)
  const forwardSubscription = (request) => ({
    subscribe: (sink) => ({ unsubscribe: socket.subscribe({ ...request, query: request.query }, sink) }),
  })
  const client = new Client({
    url,
    preferGetMethod: false,
    fetchOptions: { headers: { authorization } },
    fetchSubscriptions: isSse,
    exchanges: isSse ? [fetchExchange] : [subscriptionExchange({ forwardSubscription }), fetchExchange],
  })
  const dataOf = ({ data, error }) => {
    if (error) throw error
    return data
  }
  return {
    query: async (document, variables) =>
      dataOf(
        await (document.includes('mutation') ? client.mutation(document, variables) : client.query(document, variables)),
      ),
    send: async (input, files) =>
      dataOf(await client.mutation(SEND, { input: { ...input, attachments: files.map((file) => ({ file })) } })),
    hear: (after) =>
      pulled((push, fail) => {
        const { unsubscribe } = client
          .subscription(HEAR, { after })
          .subscribe(({ data, error }) => (error ? fail(error) : push(data)))
        return unsubscribe
      }),
    close: () => socket.dispose(),
  }
})
