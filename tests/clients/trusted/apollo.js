// Apollo Client with the link that takes its ids from Apollo's manifest; queries by GET, subscriptions over graphql-ws.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { generatePersistedQueryIdsFromManifest } from '@apollo/persisted-query-lists'
import { OperationTypeNode } from 'graphql'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

import * as documents from './documents.js'
import { manifest, socketUrl, spied, tell, url } from './story.js'

const ids = generatePersistedQueryIdsFromManifest({ loadManifest: () => Promise.resolve(manifest) })

await tell((token) => {
  const authorization = token && `Bearer ${token}`
  const http = new HttpLink({ uri: url, fetch: spied, headers: authorization ? { authorization } : {} })
  const socket = createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: { authorization } })
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: new PersistedQueryLink({ ...ids, useGETForHashedQueries: true }).concat(
      ApolloLink.split(
        ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
        new GraphQLWsLink(socket),
        http,
      ),
    ),
  })
  return {
    viewer: async () => (await client.query({ query: documents.VIEWER })).data,
    signUp: async (input) => (await client.mutate({ mutation: documents.SIGN_UP, variables: { input } })).data,
    send: async (input) => (await client.mutate({ mutation: documents.SEND, variables: { input } })).data,
    hear: (after, push) => {
      const stream = client.subscribe({ query: documents.HEAR, variables: { after } })
      const subscription = stream.subscribe({
        next: ({ data, error }) => (error ? console.error(error) : push(data)),
        error: console.error,
      })
      return () => subscription.unsubscribe()
    },
  }
})
