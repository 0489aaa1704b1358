// The same documents for relay-compiler, under the names that Relay wants.
import { graphql } from 'relay-runtime'

graphql`
  query trustedViewerQuery { viewer { eventCursor user { username } } }
`

graphql`
  mutation trustedSignUpMutation($input: SignUpInput!) {
    signUp(input: $input) { ... on SignUpSuccess { token } ... on UserError { detail } }
  }
`

graphql`
  mutation trustedSendMutation($input: SendPrivateMessageInput!) {
    sendPrivateMessage(input: $input) {
      ... on SendPrivateMessageSuccess { message { id text } }
      ... on UserError { detail }
    }
  }
`

graphql`
  subscription trustedHearSubscription($after: EventCursor) {
    privateMessageReceived(after: $after) { message { text } }
  }
`
