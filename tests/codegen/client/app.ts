// A front end's use of the generated types; it has to compile strictly, and to notice a refusal that it does not know.
import type { ResultOf, VariablesOf } from './document'
import { graphql } from './generated'

export const send = graphql(`
  mutation Send($input: SendPrivateMessageInput!) {
    sendPrivateMessage(input: $input) {
      __typename
      ... on SendPrivateMessageSuccess { wasDuplicate message { id text attachments { filename byteSize sha256 } } }
      ... on InvalidInputError { issues { path reason limit } }
      ... on RecipientsRejectedError { recipientRejections { index reason user { username } } }
      ... on AttachmentsRejectedError { attachmentRejections { index reason isRetryable } }
      ... on RateLimitedError { retryAfterSeconds }
      ... on IdempotencyConflictError { existingMessage { id } }
      ... on UserError { detail code }
    }
  }
`)

export const inbox = graphql(`
  query Inbox($after: String) {
    viewer { eventCursor unreadMessageCount }
    conversations(first: 20, after: $after) {
      nodes { id unreadCount lastMessage { preview createdAt } otherParticipants { user { displayName } } }
      pageInfo { hasNextPage endCursor }
    }
  }
`)

export const hear = graphql(`
  subscription Hear($after: EventCursor) {
    privateMessageReceived(after: $after) { cursor isReplay message { id text metadata } }
  }
`)

export function draftOf(file: File): VariablesOf<typeof send> {
  return { input: { to: { users: [{ username: 'bob' }] }, text: 'Hello', attachments: [{ file }] } }
}

export function sentenceOf(result: ResultOf<typeof send>['sendPrivateMessage']): string {
  switch (result.__typename) {
    case 'SendPrivateMessageSuccess':
      return result.message.attachments.map((each) => `${each.filename}: ${each.byteSize.toFixed()}`).join()
    case 'InvalidInputError':
      return result.issues.map((issue) => `${issue.path.join('.')}: ${issue.reason}`).join()
    case 'RecipientsRejectedError':
      return result.recipientRejections.map(({ user, reason }) => `${user?.username ?? '?'}: ${reason}`).join()
    case 'AttachmentsRejectedError':
      return result.attachmentRejections.map(({ index, isRetryable }) => `${index}: ${isRetryable}`).join()
    case 'RateLimitedError':
      return `again in ${result.retryAfterSeconds.toFixed()} s`
    case 'IdempotencyConflictError':
      return result.existingMessage?.id ?? 'gone'
    case 'NotFoundError':
    case 'PermissionDeniedError':
      return result.detail
    default:
      // A new member of SendPrivateMessageResult makes this line fail to compile: add its case above.
      return unknownResult(result)
  }
}

function unknownResult(result: never): string {
  return JSON.stringify(result)
}

export function titleOf(data: ResultOf<typeof inbox>): string {
  const [first] = data.conversations?.nodes ?? []
  const moment: string | undefined = first?.lastMessage?.createdAt
  return `${data.viewer.unreadMessageCount} ${first?.lastMessage?.preview ?? ''} ${moment ?? ''}`
}

export function heard(data: ResultOf<typeof hear>): [cursor: string, text: string | null | undefined] {
  return [data.privateMessageReceived.cursor, data.privateMessageReceived.message.text]
}
