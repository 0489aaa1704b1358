// A list with further pages, without a server: what a change does to the conversation at its end.
import assert from 'node:assert/strict'

import { InMemoryCache, gql } from '@apollo/client'

import { applyEvent, typePolicies } from '../../../examples/caches/apollo.js'

const query = gql`
  query Inbox {
    conversations(first: 2) {
      edges {
        cursor
        node {
          id
          folder
          lastActivityAt
        }
      }
      pageInfo {
        endCursor
        hasNextPage
      }
    }
  }
`
const conversation = (id, lastActivityAt) => ({ __typename: 'Conversation', id, folder: 'INBOX', lastActivityAt })
const edge = (node) => ({ __typename: 'ConversationEdge', cursor: `of ${node.id}`, node })

const cache = new InMemoryCache({ typePolicies })
const pageInfo = { __typename: 'PageInfo', endCursor: 'of b', hasNextPage: true }
const edges = [edge(conversation('a', '2026-01-03')), edge(conversation('b', '2026-01-02'))]
cache.writeQuery({ query, data: { conversations: { __typename: 'ConversationConnection', edges, pageInfo } } })

/** The ids in the list after an event about a conversation. */
function after(changed) {
  const fragment = gql`
    fragment Place on Conversation {
      folder
      lastActivityAt
    }
  `
  cache.writeFragment({ id: cache.identify(changed), fragment, data: changed })
  applyEvent(cache, { event: { __typename: 'ConversationUpdated' }, conversation: changed })
  return cache.readQuery({ query }).conversations.edges.map(({ node }) => node.id)
}

assert.deepEqual(after(conversation('b', '2026-01-02')), ['a', 'b'], 'no later page has it')
assert.deepEqual(after(conversation('c', '2026-01-01')), ['a', 'b'], 'it is on a later page')
assert.deepEqual(after(conversation('a', '2026-01-01')), ['b'], 'it has moved to a later page')
assert.deepEqual(after(conversation('c', '2026-01-04')), ['c', 'b'], 'it is the newest')
console.log('told')
