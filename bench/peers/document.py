"""The documents of the measurements, as a chat client sends them. Every server gets the same text."""

TYPENAME = "{ __typename }"
SEND = """mutation Send($input: SendPrivateMessageInput!) {
  sendPrivateMessage(input: $input) {
    __typename
    ... on SendPrivateMessageSuccess {
      message {
        id text createdAt
        sender { id username displayName }
        attachments { id filename }
        conversation { id }
      }
    }
  }
}"""
PAGE = """query Page($id: ID!, $last: Int) {
  conversation(id: $id) {
    id
    messages(last: $last) {
      nodes {
        id text createdAt
        sender { id username displayName }
        attachments { id filename mimeType byteSize url }
        reactions { emoji count viewerHasReacted }
      }
      pageInfo { hasPreviousPage startCursor }
    }
  }
}"""
INBOX = """query Inbox($first: Int) {
  conversations(first: $first) {
    nodes {
      id type unreadCount lastActivityAt
      otherParticipants { user { id username displayName } }
      lastMessage { id text createdAt sender { id username } }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""
SEARCH = """query Search($words: String!) {
  searchMessages(query: $words, first: 20) {
    nodes { id text createdAt sender { id username } }
  }
}"""
RECEIVE = """subscription Receive {
  privateMessageReceived {
    cursor isReplay
    message {
      id text createdAt
      sender { id username displayName }
      attachments { id filename }
      conversation { id }
    }
  }
}"""
