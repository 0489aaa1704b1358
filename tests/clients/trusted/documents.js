// The documents of an application, as its build tools find them.
import { gql } from '@apollo/client'

export const VIEWER = gql`
  query Viewer {
    viewer { eventCursor user { username } }
  }
`

export const SIGN_UP = gql`
  mutation SignUp($input: SignUpInput!) {
    signUp(input: $input) { ... on SignUpSuccess { token } ... on UserError { detail } }
  }
`

export const SEND = gql`
  mutation Send($input: SendPrivateMessageInput!) {
    sendPrivateMessage(input: $input) {
      ... on SendPrivateMessageSuccess { message { id text } }
      ... on UserError { detail }
    }
  }
`

export const HEAR = gql`
  subscription Hear($after: EventCursor) {
    privateMessageReceived(after: $after) { message { text } }
  }
`
