// @apollo/client 4: InMemoryCache with examples/caches/apollo.js.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { OperationTypeNode } from 'graphql'

import { applyEvent, applyResult, typePolicies } from '../../../examples/caches/apollo.js'
import { socketOf } from '../socket.js'
import { url } from '../story.js'
import { DOCUMENTS } from './document.js'
import { tell } from './story.js'

const documents = Object.fromEntries(Object.entries(DOCUMENTS).map(([name, text]) => [name, gql(text)]))
const possibleTypes = await (await fetch(new URL('/possible-types.json', url))).json()

await tell((token, transport) => {
  const socket = socketOf(token)
  const client = new ApolloClient({
    cache: new InMemoryCache({ possibleTypes, typePolicies }),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      new HttpLink({ uri: url, fetch: transport.fetch }),
    ),
  })
  return {
    load: (name, variables) =>
      new Promise((resolve, reject) =>
        client
          .watchQuery({ query: documents[name], variables })
          .subscribe(({ data, error, dataState }) =>
            error ? reject(error) : dataState === 'complete' && resolve(data),
          ),
      ),
    read: (name, variables) => client.cache.readQuery({ query: documents[name], variables }),
    mutate: async (name, variables) =>
      (
        await client.mutate({
          mutation: documents[name],
          variables,
          update: (cache, { data }) =>
            applyResult(
              cache,
              Object.values(data).find((each) => each.__typename),
            ),
        })
      ).data,
    listen: (after, fail) =>
      client
        .subscribe({ query: documents.Events, variables: { after }, errorPolicy: 'all' })
        .subscribe(({ data, error }) => {
          if (error) fail(error)
          if (data) applyEvent(client.cache, data.events)
        }),
    close: () => {
      client.stop()
      return socket.dispose()
    },
  }
})
