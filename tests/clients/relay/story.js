// What relay-compiler compiles; the story's documents under the names that Relay wants.
import { graphql } from 'relay-runtime'

graphql`
  query storyViewerQuery { viewer { eventCursor user { username } } }
`

graphql`
  mutation storySendMutation($input: SendPrivateMessageInput!) {
    sendPrivateMessage(input: $input) {
      __typename
      ... on SendPrivateMessageSuccess {
        message { id text attachments { filename mimeType byteSize sha256 url } }
      }
      ... on RecipientsRejectedError { recipientRejections { index reason } }
      ... on UserError { detail code }
    }
  }
`

graphql`
  subscription storyHearSubscription($after: EventCursor) {
    privateMessageReceived(after: $after) { message { text sender { username } } }
  }
`
