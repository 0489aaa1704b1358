// graphql-sse in its mode of distinct connections, for queries and mutations as well.
import { createClient } from 'graphql-sse'

import { HEAR, tell, url } from './story.js'
import { sendFiles } from './upload.js'

await tell((token) => {
  const client = createClient({ url, headers: { authorization: `Bearer ${token}` } })
  const results = async function* (query, variables) {
    for await (const { data, errors } of client.iterate({ query, variables })) {
      if (errors) throw new Error(JSON.stringify(errors))
      yield data
    }
  }
  return {
    query: async (document, variables) => (await results(document, variables).next()).value,
    send: (input, files) => sendFiles(token, input, files),
    hear: (after) => results(HEAR, { after }),
    close: () => client.dispose(),
  }
})
