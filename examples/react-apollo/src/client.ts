// The connection: queries and files over HTTP, subscriptions over one WebSocket that comes back by itself.
import { ApolloClient, ApolloLink, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs'
import { OperationTypeNode } from 'graphql'
import { createClient } from 'graphql-ws'

import fragments from './generated/fragments'

// After these codes the same connection would be refused again: bad credentials, or a fault in this program.
const FINAL = [4400, 4401, 4403, 4406, 4409, 4429]

export function connect(token: string | null) {
  // Without it the cache drops what `... on UserError { detail }` selects: it has to know which types that may be.
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
