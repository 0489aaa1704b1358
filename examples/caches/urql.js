// Keeps urql's Graphcache up to date: `cacheExchange(optionsFor(schema))`. The cache itself stores every object of a result or an
// envelope under its ID; what is left to do here is to add and remove edges, and to load everything again when the
// stream says so.
import { gql } from '@urql/core'

const nodeOf = ({ node }) => node?.id

/** Types without an ID are parts of the object that has them; the edges that are placed here have the ID of their node. */
function keysOf({ __schema: { types, queryType, mutationType, subscriptionType } }) {
  const roots = [queryType, mutationType, subscriptionType].map((each) => each?.name)
  const parts = types.filter(
    ({ kind, name, fields }) =>
      kind === 'OBJECT' && !roots.includes(name) && !name.startsWith('__') && !fields.some((each) => each.name === 'id'),
  )
  const embedded = Object.fromEntries(parts.map(({ name }) => [name, () => null]))
  return { ...embedded, ConversationEdge: nodeOf, MessageEdge: nodeOf }
}

/** Applies an envelope of the subscription `events`. */
export function applyEvent(cache, { event, conversation }) {
  switch (event?.__typename) {
    case undefined: // it could not be loaded
    case 'StreamReset':
    case 'BlocksChanged': // hides or shows reactions and receipts everywhere
    case 'SettingsChanged': // the same for receipts
      for (const { fieldName, arguments: args } of cache.inspectFields('Query'))
        cache.invalidate('Query', fieldName, args)
      return // active queries are sent again
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
}

/** Applies the result of a mutation: the same, for the device that sent it. */
export function applyResult(cache, { messageEdge, deletedMessageId, message, conversationId, conversation }) {
  if (messageEdge) addMessage(cache, messageEdge)
  if (deletedMessageId && !message) removeMessage(cache, { messageId: deletedMessageId })
  if (conversationId) removeConversation(cache, conversationId)
  if (conversation) placeConversation(cache, conversation)
}

const MUTATIONS = [
  'sendPrivateMessage',
  'deleteMessage',
  'markConversationRead',
  'markConversationUnread',
  'setConversationPreferences',
  'acceptMessageRequest',
  'declineMessageRequest',
  'clearConversation',
  'leaveConversation',
]

/** A link to a message that was removed reads as null. */
function replyTo(message, _args, cache) {
  const link = cache.resolve(message, 'replyTo')
  return link && !cache.resolve(link, 'id') ? null : link
}

/** The options for `cacheExchange`; `schema` is the introspection of schema.graphql. */
export const optionsFor = (schema) => ({
  schema,
  keys: keysOf(schema),
  resolvers: { Message: { replyTo } },
  updates: {
    Mutation: Object.fromEntries(
      MUTATIONS.map((name) => [name, (data, _args, cache) => applyResult(cache, data[name])]),
    ),
    Subscription: { events: ({ events }, _args, cache) => applyEvent(cache, events) },
  },
})

/** The lists of a field that are in the cache, with the arguments and the edges of each. */
function* connectionsOf(cache, owner, name) {
  for (const { fieldName, fieldKey, arguments: args } of cache.inspectFields(owner)) {
    if (fieldName !== name) continue
    const connection = cache.resolve(owner, fieldKey)
    const isEnd = !cache.resolve(cache.resolve(connection, 'pageInfo'), 'hasNextPage')
    yield { connection, args: args ?? {}, isEnd, edges: cache.resolve(connection, 'edges') ?? [] }
  }
}

function addMessage(cache, { __typename, node }) {
  const edge = cache.keyOfEntity({ __typename, node })
  for (const { connection, args, isEnd, edges } of connectionsOf(cache, node.conversation, 'messages')) {
    if (edges.includes(edge) || args.before || !isEnd) continue
    const at = edges.findIndex((each) => cache.resolve(cache.resolve(each, 'node'), 'sequence') > node.sequence)
    cache.link(connection, 'edges', inserted(edges, at, edge))
  }
}

function removeMessage(cache, { messageId, conversationId, sequence, removalReason }) {
  const message = { __typename: 'Message', id: messageId }
  const owner = conversationId
    ? { __typename: 'Conversation', id: conversationId }
    : cache.resolve(message, 'conversation')
  const isCleared = (edge) =>
    removalReason === 'CLEARED' && cache.resolve(cache.resolve(edge, 'node'), 'sequence') <= sequence
  unlink(cache, owner, 'messages', { __typename: 'MessageEdge', node: message }, isCleared)
  cache.invalidate(message)
}

function removeConversation(cache, id) {
  unlink(cache, 'Query', 'conversations', { __typename: 'ConversationEdge', node: { id } })
  cache.link('Query', 'conversation', { id }, null)
}

function unlink(cache, owner, name, edge, isCleared = () => false) {
  const removed = cache.keyOfEntity(edge)
  for (const { connection, edges } of connectionsOf(cache, owner, name)) {
    cache.link(
      connection,
      'edges',
      edges.filter((each) => each !== removed && !isCleared(each)),
    )
  }
}

const EDGE = gql`
  fragment Edge on ConversationEdge {
    cursor
    node {
      id
    }
  }
`

/** Puts a conversation into the list of its folder by its last activity, and takes it out of the others. */
function placeConversation(cache, { __typename, id, folder, lastActivityAt }) {
  const data = { __typename: 'ConversationEdge', cursor: '', node: { __typename, id } }
  cache.writeFragment(EDGE, data)
  const edge = cache.keyOfEntity(data)
  for (const { connection, args, isEnd, edges } of connectionsOf(cache, 'Query', 'conversations')) {
    const { folder: listed = 'INBOX', ...conditions } = args.filter ?? {}
    if (Object.keys(conditions).length > 0) continue // a search stays as it was found
    const others = edges.filter((each) => each !== edge)
    const at = others.findIndex((each) => cache.resolve(cache.resolve(each, 'node'), 'lastActivityAt') < lastActivityAt)
    const isLoaded = at !== -1 || isEnd || edges.at(-1) === edge // else it is on a later page
    const isHere = isIn(listed, folder) && isLoaded
    cache.link(connection, 'edges', isHere ? inserted(others, at, edge) : others)
  }
}

const isIn = (list, folder) => folder !== null && (list === folder || list === 'ALL')
const inserted = (edges, at, edge) => edges.toSpliced(at === -1 ? edges.length : at, 0, edge)
