// The documents of the story that the caches tell; the other clients take them from here, without directives of Relay.
import { graphql } from 'relay-runtime'

graphql`
  fragment cache_viewer on Viewer {
    id unreadMessageCount unmutedUnreadMessageCount unreadConversationCount messageRequestCount
    user { id username displayName }
    settings { acceptMessagesFrom sendReadReceipts }
  }
`

graphql`
  fragment cache_user on User {
    id username displayName isActive
    viewerIsFollowing isFollowingViewer viewerHasMuted viewerHasBlocked viewerCanMessage messageEligibility
  }
`

graphql`
  fragment cache_message on Message {
    id sequence text type state createdAt updatedAt editedAt deletedAt revision clientMessageId
    viewerCanEdit viewerCanDeleteForEveryone
    conversation { id }
    sender { id displayName }
    replyTo { id preview state }
    reactions { emoji count viewerHasReacted }
  }
`

graphql`
  fragment cache_conversation on Conversation {
    id type folder lastActivityAt isPinned isArchived isMuted mutedUntil
    unreadCount isUnread deliveredToAllSequence readByAllSequence
    requestState viewerCanAnswerRequest viewerCanSend sendRestriction
    requestedBy { id }
    firstUnreadMessage { id }
    lastMessage { id sequence preview state sender { id } }
    viewerParticipant { id lastReadMessage { id } lastReadAt }
    otherParticipants(first: 10) {
      id lastDeliveredMessage { id } lastReadMessage { id } lastReadAt
      user { ...cache_user @relay(mask: false) }
    }
  }
`

graphql`
  query cacheInboxQuery {
    viewer { ...cache_viewer @relay(mask: false) }
    conversations(first: 20) @connection(key: "Inbox_conversations", filters: []) {
      edges { cursor node { ...cache_conversation @relay(mask: false) } }
      pageInfo { hasNextPage endCursor }
    }
    archive: conversations(filter: { folder: ARCHIVE }, first: 20) @connection(key: "Inbox_archive", filters: []) {
      edges { cursor node { ...cache_conversation @relay(mask: false) } }
      pageInfo { hasNextPage endCursor }
    }
    requests: conversations(filter: { folder: REQUESTS }, first: 20) @connection(key: "Inbox_requests", filters: []) {
      edges { cursor node { ...cache_conversation @relay(mask: false) } }
      pageInfo { hasNextPage endCursor }
    }
    all: conversations(filter: { folder: ALL }, first: 20) @connection(key: "Inbox_all", filters: []) {
      edges { cursor node { ...cache_conversation @relay(mask: false) } }
      pageInfo { hasNextPage endCursor }
    }
  }
`

graphql`
  query cacheThreadQuery($id: ID!) {
    conversation(id: $id) {
      ...cache_conversation @relay(mask: false)
      messages(last: 50) @connection(key: "Thread_messages", filters: []) {
        edges { cursor node { ...cache_message @relay(mask: false) } }
        pageInfo { hasPreviousPage startCursor hasNextPage }
      }
    }
  }
`

graphql`
  subscription cacheEventsSubscription($after: EventCursor) {
    events(after: $after) {
      cursor
      viewer { ...cache_viewer @relay(mask: false) }
      conversation { ...cache_conversation @relay(mask: false) }
      event {
        __typename
        ... on MessageCreated { messageEdge { cursor node { ...cache_message @relay(mask: false) } } }
        ... on MessageUpdated { message { ...cache_message @relay(mask: false) } }
        ... on MessageRemoved { messageId conversationId sequence removalReason }
        ... on ConversationRemoved { conversationId }
        ... on UserUpdated {
          user { ...cache_user @relay(mask: false) conversation { ...cache_conversation @relay(mask: false) } }
        }
      }
    }
  }
`

graphql`
  mutation cacheSendMutation($input: SendPrivateMessageInput!) {
    sendPrivateMessage(input: $input) {
      __typename
      ... on SendPrivateMessageSuccess {
        messageEdge { cursor node { ...cache_message @relay(mask: false) } }
        conversation { ...cache_conversation @relay(mask: false) }
        viewer { ...cache_viewer @relay(mask: false) }
      }
      ... on UserError { detail code }
    }
  }
`

graphql`
  mutation cacheEditMutation($input: EditMessageInput!) {
    editMessage(input: $input) {
      __typename
      ... on EditMessageSuccess { message { ...cache_message @relay(mask: false) } }
      ... on UserError { detail code }
    }
  }
`

graphql`
  mutation cacheReactMutation($input: SetReactionInput!) {
    setReaction(input: $input) {
      __typename
      ... on SetReactionSuccess { message { ...cache_message @relay(mask: false) } }
      ... on UserError { detail code }
    }
  }
`

graphql`
  mutation cacheDeleteMutation($input: DeleteMessageInput!) {
    deleteMessage(input: $input) {
      __typename
      ... on DeleteMessageSuccess {
        deletedMessageId
        message { ...cache_message @relay(mask: false) }
        conversation { ...cache_conversation @relay(mask: false) }
        viewer { ...cache_viewer @relay(mask: false) }
      }
      ... on UserError { detail code }
    }
  }
`

graphql`
  mutation cacheReadMutation($input: MarkConversationReadInput!) {
    markConversationRead(input: $input) {
      __typename
      ... on MarkConversationReadSuccess {
        conversation { ...cache_conversation @relay(mask: false) }
        viewer { ...cache_viewer @relay(mask: false) }
      }
      ... on UserError { detail code }
    }
  }
`

graphql`
  mutation cacheUnreadMutation($input: MarkConversationUnreadInput!) {
    markConversationUnread(input: $input) {
      __typename
      ... on MarkConversationUnreadSuccess {
        conversation { ...cache_conversation @relay(mask: false) }
        viewer { ...cache_viewer @relay(mask: false) }
      }
      ... on UserError { detail code }
    }
  }
`

graphql`
  mutation cachePreferMutation($input: SetConversationPreferencesInput!) {
    setConversationPreferences(input: $input) {
      __typename
      ... on SetConversationPreferencesSuccess {
        conversation { ...cache_conversation @relay(mask: false) }
        viewer { ...cache_viewer @relay(mask: false) }
      }
      ... on UserError { detail code }
    }
  }
`

graphql`
  mutation cacheAcceptMutation($input: AcceptMessageRequestInput!) {
    acceptMessageRequest(input: $input) {
      __typename
      ... on AcceptMessageRequestSuccess {
        conversation { ...cache_conversation @relay(mask: false) }
        viewer { ...cache_viewer @relay(mask: false) }
      }
      ... on UserError { detail code }
    }
  }
`

graphql`
  mutation cacheDeclineMutation($input: DeclineMessageRequestInput!) {
    declineMessageRequest(input: $input) {
      __typename
      ... on DeclineMessageRequestSuccess { conversationId viewer { ...cache_viewer @relay(mask: false) } }
      ... on UserError { detail code }
    }
  }
`

graphql`
  mutation cacheClearMutation($input: ClearConversationInput!) {
    clearConversation(input: $input) {
      __typename
      ... on ClearConversationSuccess {
        conversation {
          ...cache_conversation @relay(mask: false)
          messages(last: 50) @connection(key: "Thread_messages", filters: []) {
            edges { cursor node { ...cache_message @relay(mask: false) } }
            pageInfo { hasPreviousPage startCursor hasNextPage }
          }
        }
        viewer { ...cache_viewer @relay(mask: false) }
      }
      ... on UserError { detail code }
    }
  }
`

graphql`
  mutation cacheLeaveMutation($input: LeaveConversationInput!) {
    leaveConversation(input: $input) {
      __typename
      ... on LeaveConversationSuccess { conversationId viewer { ...cache_viewer @relay(mask: false) } }
      ... on UserError { detail code }
    }
  }
`

graphql`
  mutation cacheFollowMutation($input: FollowUserInput!) {
    followUser(input: $input) {
      __typename
      ... on FollowUserSuccess {
        user { ...cache_user @relay(mask: false) conversation { ...cache_conversation @relay(mask: false) } }
      }
      ... on UserError { detail code }
    }
  }
`

graphql`
  mutation cacheMuteMutation($input: MuteUserInput!) {
    muteUser(input: $input) {
      __typename
      ... on MuteUserSuccess {
        user { ...cache_user @relay(mask: false) }
        viewer { ...cache_viewer @relay(mask: false) }
      }
      ... on UserError { detail code }
    }
  }
`

graphql`
  mutation cacheUnmuteMutation($input: UnmuteUserInput!) {
    unmuteUser(input: $input) {
      __typename
      ... on UnmuteUserSuccess {
        user { ...cache_user @relay(mask: false) }
        viewer { ...cache_viewer @relay(mask: false) }
      }
      ... on UserError { detail code }
    }
  }
`

graphql`
  mutation cacheReadAllMutation($input: MarkAllConversationsReadInput!) {
    markAllConversationsRead(input: $input) {
      __typename
      ... on MarkAllConversationsReadSuccess { changedCount viewer { ...cache_viewer @relay(mask: false) } }
      ... on UserError { detail code }
    }
  }
`

graphql`
  mutation cacheSettingsMutation($input: UpdateMessagingSettingsInput!) {
    updateMessagingSettings(input: $input) {
      __typename
      ... on UpdateMessagingSettingsSuccess { viewer { ...cache_viewer @relay(mask: false) } }
      ... on UserError { detail code }
    }
  }
`
