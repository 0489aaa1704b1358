// Keeps Relay's store up to date. The store itself keeps every object of a result or an envelope under its ID; what is
// left to do here is to add and remove edges, and to load everything again when the stream says so.
import { ConnectionHandler } from 'relay-runtime'

/** The keys of the connections in your documents: `conversations` by folder, and `messages`. */
export const FOLDERS = {
  INBOX: 'Inbox_conversations',
  ARCHIVE: 'Inbox_archive',
  REQUESTS: 'Inbox_requests',
  ALL: 'Inbox_all',
}
export const THREAD = 'Thread_messages'

/** Applies an envelope: `updater: (store) => applyEvent(store, store.getRootField('events'))`. */
export function applyEvent(store, envelope) {
  const event = envelope.getLinkedRecord('event')
  const conversation = envelope.getLinkedRecord('conversation')
  switch (event?.getType()) {
    case undefined: // it could not be loaded
    case 'StreamReset':
    case 'BlocksChanged': // hides or shows reactions and receipts everywhere
    case 'SettingsChanged': // the same for receipts
      return store.invalidateStore() // queries are sent again when they are used; see `subscribeToInvalidationState`
    case 'MessageCreated':
      addMessage(store, event.getLinkedRecord('messageEdge'))
      break
    case 'MessageRemoved':
      removeMessage(store, event.getValue('messageId'), event)
      break
    case 'ConversationRemoved': // cleared or declined, it is still there, in no folder
      if (!conversation) removeConversation(store, event.getValue('conversationId'))
      break
  }
  placeConversation(store, conversation)
}

/** Applies the result of a mutation, for the device that sent it: `store.getRootField('sendPrivateMessage')`. */
export function applyResult(store, result) {
  const edge = result.getLinkedRecord('messageEdge')
  if (edge) addMessage(store, edge)
  const deleted = result.getValue('deletedMessageId')
  if (deleted && !result.getLinkedRecord('message')) removeMessage(store, deleted)
  const left = result.getValue('conversationId')
  if (left) removeConversation(store, left)
  placeConversation(store, result.getLinkedRecord('conversation'))
}

function addMessage(store, edge) {
  const message = edge.getLinkedRecord('node')
  const connection = ConnectionHandler.getConnection(message.getLinkedRecord('conversation'), THREAD)
  if (!connection || connection.getLinkedRecord('pageInfo')?.getValue('hasNextPage')) return
  const edges = edgesOf(connection)
  if (edges.some((each) => each.getLinkedRecord('node') === message)) return
  const at = edges.findIndex((each) => sequenceOf(each) > message.getValue('sequence'))
  insert(connection, edges, at, ConnectionHandler.buildConnectionEdge(store, connection, edge))
}

function removeMessage(store, id, event) {
  const conversation = event
    ? store.get(event.getValue('conversationId'))
    : store.get(id)?.getLinkedRecord('conversation')
  const connection = conversation && ConnectionHandler.getConnection(conversation, THREAD)
  if (connection) {
    const last = event?.getValue('removalReason') === 'CLEARED' ? event.getValue('sequence') : 0
    const isLeft = (each) => each.getLinkedRecord('node').getDataID() !== id && sequenceOf(each) > last
    connection.setLinkedRecords(edgesOf(connection).filter(isLeft), 'edges')
  }
  store.delete(id)
}

function removeConversation(store, id) {
  for (const key of Object.values(FOLDERS)) {
    const connection = ConnectionHandler.getConnection(store.getRoot(), key)
    if (connection) ConnectionHandler.deleteNode(connection, id)
  }
  store.delete(id)
}

/** Puts a conversation into the list of its folder by its last activity, and takes it out of the others. */
function placeConversation(store, conversation) {
  if (!conversation) return
  const activityOf = (record) => record.getValue('lastActivityAt')
  for (const [folder, key] of Object.entries(FOLDERS)) {
    const connection = ConnectionHandler.getConnection(store.getRoot(), key)
    if (!connection) continue
    const wasLast = edgesOf(connection).at(-1)?.getLinkedRecord('node') === conversation
    ConnectionHandler.deleteNode(connection, conversation.getDataID())
    if (!isIn(folder, conversation.getValue('folder'))) continue
    const edges = edgesOf(connection)
    const at = edges.findIndex((each) => activityOf(each.getLinkedRecord('node')) < activityOf(conversation))
    const isOpen = connection.getLinkedRecord('pageInfo')?.getValue('hasNextPage')
    if (at === -1 && isOpen && !wasLast) continue // on a later page
    const edge = ConnectionHandler.createEdge(store, connection, conversation, 'ConversationEdge')
    insert(connection, edges, at, edge.setValue('', 'cursor'))
  }
}

/** The edges whose nodes have not been deleted. */
const edgesOf = (connection) =>
  (connection.getLinkedRecords('edges') ?? []).filter((each) => each?.getLinkedRecord('node'))
const sequenceOf = (edge) => edge.getLinkedRecord('node').getValue('sequence')
const isIn = (list, folder) => folder !== null && (list === folder || list === 'ALL')
const insert = (connection, edges, at, edge) =>
  connection.setLinkedRecords(edges.toSpliced(at === -1 ? edges.length : at, 0, edge), 'edges')
