// Relay's store with examples/caches/relay.js, and the documents that relay-compiler made.
import { readdirSync } from 'node:fs'

import {
  Environment,
  Network,
  Observable,
  RecordSource,
  Store,
  commitMutation,
  createOperationDescriptor,
  fetchQuery,
  getRequest,
  requestSubscription,
} from 'relay-runtime'

import { applyEvent, applyResult } from '../../../examples/caches/relay.js'
import { socketOf } from '../socket.js'
import { tell } from './story.js'

const folder = new URL('../relay/__generated__/', import.meta.url)
const documents = {}
for (const file of readdirSync(folder)) {
  const name = file.match(/^cache(\w+)(Query|Mutation|Subscription)\.graphql\.js$/)?.[1]
  if (name) documents[name] = (await import(new URL(file, folder))).default
}

await tell((token, transport) => {
  const socket = socketOf(token)
  const environment = new Environment({
    network: Network.create(
      ({ text }, variables) => transport.post(text, variables),
      ({ text, name }, variables) =>
        Observable.create((sink) => socket.subscribe({ operationName: name, query: text, variables }, sink)),
    ),
    store: new Store(new RecordSource()),
  })
  const operationOf = (name, variables) => createOperationDescriptor(getRequest(documents[name]), variables)
  const fetched = (name, variables) => fetchQuery(environment, documents[name], variables).toPromise()
  return {
    load: async (name, variables) => {
      environment.retain(operationOf(name, variables))
      const data = await fetched(name, variables)
      const root = environment.getStore().lookupInvalidationState(['client:root'])
      environment.getStore().subscribeToInvalidationState(root, () => void fetched(name, variables))
      return data
    },
    read: (name, variables) => environment.lookup(operationOf(name, variables).fragment).data,
    mutate: (name, variables) =>
      new Promise((resolve, reject) =>
        commitMutation(environment, {
          mutation: documents[name],
          variables,
          updater: (store, data) => {
            const [field, result] = Object.entries(data)[0]
            if (result.__typename.endsWith('Success')) applyResult(store, store.getRootField(field))
          },
          onCompleted: resolve,
          onError: reject,
        }),
      ),
    listen: (after, fail) =>
      requestSubscription(environment, {
        subscription: documents.Events,
        variables: { after },
        updater: (store) => applyEvent(store, store.getRootField('events')),
        onError: fail,
      }),
    close: () => socket.dispose(),
  }
})
