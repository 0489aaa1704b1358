// Keeps Apollo Client's InMemoryCache up to date. The cache itself stores every object of a result or an envelope under
// its ID; what is left to do here is to add and remove edges, and to load everything again when the stream says so.
import { relayStylePagination } from '@apollo/client/utilities'

/** A link to an object that was evicted reads as null. */
const present = (reference, { canRead }) => (reference && !canRead(reference) ? null : reference)

export const typePolicies = {
  Query: { fields: { conversations: relayStylePagination(['filter']), conversation: { read: present } } },
  Conversation: { fields: { messages: relayStylePagination(['around']) } },
  Message: { fields: { replyTo: { read: present } } },
}

/** Applies an envelope of the subscription `events`. */
export function applyEvent(cache, { event, conversation }) {
  cache.batch({
    update() {
      switch (event?.__typename) {
        case undefined: // it could not be loaded
        case 'StreamReset':
        case 'BlocksChanged': // hides or shows reactions and receipts everywhere
        case 'SettingsChanged': // the same for receipts
          return cache.evict({ id: 'ROOT_QUERY' }) // active queries are sent again
        case 'MessageCreated':
          addMessage(cache, event.messageEdge)
          break
        case 'MessageRemoved':
          removeMessage(cache, event)
          break
        case 'ConversationRemoved': // cleared or declined, it is still there, in no folder
          if (!conversation) removeConversation(cache, event.conversationId)
          break
      }
      if (conversation) placeConversation(cache, conversation)
    },
  })
}

/** Applies the result of a mutation: the same, for the device that sent it. */
export function applyResult(cache, { messageEdge, deletedMessageId, message, conversationId, conversation }) {
  cache.batch({
    update() {
      if (messageEdge) addMessage(cache, messageEdge)
      if (deletedMessageId && !message) removeMessage(cache, { messageId: deletedMessageId })
      if (conversationId) removeConversation(cache, conversationId)
      if (conversation) placeConversation(cache, conversation)
    },
  })
}

function addMessage(cache, edge) {
  cache.modify({
    id: cache.identify(edge.node.conversation),
    fields: {
      messages(connection, { readField, toReference }) {
        if (!connection?.edges) return connection
        const edges = connection.edges.filter(({ node }) => readField('id', node) !== edge.node.id)
        if (edges.length < connection.edges.length || connection.pageInfo.hasNextPage) return connection
        const at = edges.findIndex(({ node }) => readField('sequence', node) > edge.node.sequence)
        return { ...connection, edges: inserted(edges, at, { ...edge, node: toReference(edge.node) }) }
      },
    },
  })
}

function removeMessage(cache, { messageId, conversationId, sequence, removalReason }) {
  if (removalReason === 'CLEARED') {
    cache.modify({
      id: cache.identify({ __typename: 'Conversation', id: conversationId }),
      fields: {
        messages(connection, { readField }) {
          if (!connection?.edges) return connection
          return { ...connection, edges: connection.edges.filter(({ node }) => readField('sequence', node) > sequence) }
        },
      },
    })
  }
  cache.evict({ id: cache.identify({ __typename: 'Message', id: messageId }) }) // relayStylePagination skips its edge
  cache.gc()
}

function removeConversation(cache, id) {
  cache.evict({ id: cache.identify({ __typename: 'Conversation', id }) })
  cache.gc()
}

/** Puts a conversation into the list of its folder by its last activity, and takes it out of the others. */
function placeConversation(cache, conversation) {
  cache.modify({
    fields: {
      conversations(connection, { storeFieldName, readField, toReference }) {
        if (!connection?.edges) return connection
        const { filter } = JSON.parse(storeFieldName.slice('conversations:'.length))
        const { folder = 'INBOX', ...conditions } = filter ?? {}
        if (Object.keys(conditions).length > 0) return connection // a search stays as it was found
        const edges = connection.edges.filter(({ node }) => readField('id', node) !== conversation.id)
        if (!isIn(folder, conversation)) return { ...connection, edges }
        const at = edges.findIndex(({ node }) => readField('lastActivityAt', node) < conversation.lastActivityAt)
        const wasLast = readField('id', connection.edges.at(-1)?.node) === conversation.id
        if (at === -1 && connection.pageInfo.hasNextPage && !wasLast) return { ...connection, edges } // on a later page
        const edge = { __typename: 'ConversationEdge', cursor: '', node: toReference(conversation) }
        return { ...connection, edges: inserted(edges, at, edge) }
      },
    },
  })
}

const isIn = (list, { folder }) => folder !== null && (list === folder || list === 'ALL')
const inserted = (edges, at, edge) => edges.toSpliced(at === -1 ? edges.length : at, 0, edge)
