// @apollo/client 4 with apollo-upload-client and graphql-ws.
import { ApolloClient, ApolloLink, InMemoryCache, gql } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs'
import { OperationTypeNode } from 'graphql'

import { socketOf } from './socket.js'
import { HEAR, SEND, pulled, tell, url } from './story.js'

// Without it the cache would drop what is selected on interfaces such as UserError.
const possibleTypes = await (await fetch(new URL('/possible-types.json', url))).json()

await tell((token) => {
  const authorization = `Bearer ${token}`
  const socket = socketOf(token)
  const client = new ApolloClient({
    cache: new InMemoryCache({ possibleTypes }),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      new UploadHttpLink({ uri: url, headers: { authorization } }),
    ),
  })
  const send = async (input, files) => {
    const attachments = files.map((file) => ({ file }))
    return (await client.mutate({ mutation: gql(SEND), variables: { input: { ...input, attachments } } })).data
  }
  return {
    query: async (document, variables) => {
      const parsed = gql(document)
      const isMutation = parsed.definitions[0].operation === 'mutation'
      return isMutation
        ? (await client.mutate({ mutation: parsed, variables })).data
        : (await client.query({ query: parsed, variables })).data
    },
    send,
    hear: (after) =>
      pulled((push, fail) => {
        const document = gql(HEAR)
        const subscription = client
          .subscribe({ query: document, variables: { after } })
          .subscribe({ next: ({ data, error }) => (error ? fail(error) : push(data)), error: fail })
        return () => subscription.unsubscribe()
      }),
    close: () => socket.dispose(),
  }
})
