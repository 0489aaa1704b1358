// Relay with `persistConfig`: `text` is null, and the id goes as `doc_id`, as in Relay's manual; over a socket as
// `documentId`, as in GraphQL over HTTP.
import { dirname, join } from 'node:path'

import { Environment, Network, Observable, RecordSource, Store, commitMutation, fetchQuery, requestSubscription } from 'relay-runtime'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

import { file, socketUrl, spied, tell, url } from './story.js'

const artifact = async (name) => (await import(join(dirname(file), 'relay', '__generated__', `${name}.graphql.js`))).default
const [viewer, signUp, send, hear] = await Promise.all(
  ['trustedViewerQuery', 'trustedSignUpMutation', 'trustedSendMutation', 'trustedHearSubscription'].map(artifact),
)

await tell((token) => {
  const authorization = token && `Bearer ${token}`
  const headers = { 'content-type': 'application/json', ...(authorization && { authorization }) }
  const socket = createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: { authorization } })
  const environment = new Environment({
    network: Network.create(
      async ({ id }, variables) => {
        const body = JSON.stringify({ doc_id: id, variables })
        return (await spied(url, { method: 'POST', headers, body })).json()
      },
      ({ id }, variables) => Observable.create((sink) => socket.subscribe({ query: '', documentId: id, variables }, sink)),
    ),
    store: new Store(new RecordSource()),
  })
  const commit = (mutation, input) =>
    new Promise((onCompleted, onError) =>
      commitMutation(environment, { mutation, variables: { input }, onCompleted, onError }),
    )
  return {
    viewer: () => fetchQuery(environment, viewer, {}).toPromise(),
    signUp: (input) => commit(signUp, input),
    send: (input) => commit(send, input),
    hear: (after, push) => {
      const config = { subscription: hear, variables: { after }, onNext: push, onError: console.error }
      const { dispose } = requestSubscription(environment, config)
      return dispose
    },
  }
})
