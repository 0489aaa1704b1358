// Relay's documents: pagination by connections, a refetchable fragment, files, a subscription.
import { graphql } from 'relay-runtime'

import type { appSendMutation$data } from './__generated__/appSendMutation.graphql'
import type { appThread_conversation$data } from './__generated__/appThread_conversation.graphql'

export const thread = graphql`
  fragment appThread_conversation on Conversation
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" })
  @refetchable(queryName: "appThreadPaginationQuery") {
    messages(last: $count, before: $cursor) @connection(key: "appThread_messages") {
      edges { node { id text sender { username } } }
    }
  }
`

export const inbox = graphql`
  query appInboxQuery($count: Int!, $cursor: String) {
    conversations(first: $count, after: $cursor) @connection(key: "appInbox_conversations") {
      edges { node { id ...appThread_conversation } }
    }
  }
`

export const send = graphql`
  mutation appSendMutation($input: SendPrivateMessageInput!, $connections: [ID!]!) {
    sendPrivateMessage(input: $input) {
      __typename
      ... on SendPrivateMessageSuccess { messageEdge @appendEdge(connections: $connections) { node { id text } } }
      ... on UserError { detail code }
    }
  }
`

export const hear = graphql`
  subscription appHearSubscription($after: EventCursor) {
    privateMessageReceived(after: $after) { cursor message { id text } }
  }
`

export function detailOf({ sendPrivateMessage }: appSendMutation$data): string | undefined {
  return sendPrivateMessage.__typename === 'SendPrivateMessageSuccess' ? undefined : sendPrivateMessage.detail
}

export function textsOf({ messages }: appThread_conversation$data): (string | null | undefined)[] {
  return messages.edges.map(({ node }) => node.text)
}
