// The Apollo Client: queries and files over HTTP, subscriptions over a WebSocket that reconnects automatically.
import { ApolloClient, ApolloLink, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs'
import { OperationTypeNode } from 'graphql'
import { createClient } from 'graphql-ws'

import fragments from './generated/fragments'

// Close codes after which reconnecting cannot help: bad credentials, or a bug in this program.
const FINAL = [4400, 4401, 4403, 4406, 4409, 4429]

export function connect(token: string | null) {
  // Required for fragments on interfaces such as `... on UserError { detail }`; otherwise the cache drops their fields.
  const cache = new InMemoryCache({ possibleTypes: fragments.possibleTypes })
  const headers = token ? { authorization: `Bearer ${token}` } : undefined
  const http = new UploadHttpLink({ uri: '/graphql', headers })
  if (!token) return new ApolloClient({ cache, link: http })
  const socket = createClient({
    url: `${location.origin.replace(/^http/, 'ws')}/graphql`,
    connectionParams: headers,
    retryAttempts: Infinity,
    shouldRetry: (event) => !(event instanceof CloseEvent && FINAL.includes(event.code)),
  })
  return new ApolloClient({
    cache,
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      http,
    ),
  })
}
