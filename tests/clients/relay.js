// Relay's runtime with compiled documents: its store, its uploadables, subscriptions over graphql-ws.
import { Environment, Network, Observable, RecordSource, Store, commitMutation, fetchQuery, requestSubscription } from 'relay-runtime'

import hearSubscription from './relay/__generated__/storyHearSubscription.graphql.js'
import sendMutation from './relay/__generated__/storySendMutation.graphql.js'
import viewerQuery from './relay/__generated__/storyViewerQuery.graphql.js'
import { socketOf } from './socket.js'
import { ask, pulled, tell, url } from './story.js'

await tell((token) => {
  const socket = socketOf(token)
  const environment = new Environment({
    network: Network.create(
      ({ text }, variables, _cache, uploadables) => fetchFrom(token, text, variables, uploadables),
      ({ text, name }, variables) =>
        Observable.create((sink) => socket.subscribe({ operationName: name, query: text, variables }, sink)),
    ),
    store: new Store(new RecordSource()),
  })
  const send = (input, uploadables) =>
    new Promise((resolve, reject) =>
      commitMutation(environment, {
        mutation: sendMutation,
        variables: { input },
        uploadables,
        onCompleted: resolve,
        onError: reject,
      }),
    )
  return {
    query: (document, variables) =>
      document.includes('mutation') ? send(variables.input) : fetchQuery(environment, viewerQuery, {}).toPromise(),
    send,
    hear: (after) =>
      pulled((push, fail) => {
        const config = { subscription: hearSubscription, variables: { after }, onNext: push, onError: fail }
        const { dispose } = requestSubscription(environment, config)
        return dispose
      }),
    close: () => socket.dispose(),
  }
})

async function fetchFrom(token, query, variables, uploadables) {
  if (!uploadables) return { data: await ask(query, variables, token) }
  const form = new FormData()
  form.append('operations', JSON.stringify({ query, variables }))
  const places = uploadables.map((_, index) => [index, [`variables.input.attachments.${index}.file`]])
  form.append('map', JSON.stringify(Object.fromEntries(places)))
  uploadables.forEach((file, index) => form.append(String(index), file))
  const response = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: form })
  return response.json()
}
