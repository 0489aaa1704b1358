import { useQuery, useSubscription } from '@apollo/client/react'
import { useState } from 'react'

import { Composer } from './Composer'
import { graphql } from './generated'
import type { ReceivedSubscription } from './generated/graphql'

// The cursor comes from the same request as the initial data, so no message is lost in between.
const START = graphql(`
  query Start {
    viewer { eventCursor user { username } }
    conversations(first: 20) {
      nodes { id otherParticipants { user { username } } lastMessage { id text } }
    }
  }
`)

const RECEIVED = graphql(`
  subscription Received($after: EventCursor) {
    privateMessageReceived(after: $after) {
      cursor
      message { id text createdAt sender { username } attachments { id filename byteSize url } }
    }
  }
`)

type Message = ReceivedSubscription['privateMessageReceived']['message']

export function Chat() {
  const { data, error } = useQuery(START)
  if (error) return <p role="alert">{error.message}</p>
  if (!data) return <p>Loading…</p>
  return (
    <main>
      <h1>{data.viewer.user.username}</h1>
      <h2>Conversations</h2>
      <ul aria-label="Conversations">
        {data.conversations?.nodes.map(({ id, otherParticipants, lastMessage }) => (
          <li key={id}>
            {otherParticipants.map(({ user }) => user.username).join(', ')}: {lastMessage?.text ?? '(files)'}
          </li>
        ))}
      </ul>
      <Live after={data.viewer.eventCursor} />
      <Composer />
    </main>
  )
}

/**
 * Messages received since the page was loaded. After a lost connection, graphql-ws subscribes again with the first
 * cursor, and the server replays the messages after it: those that are already shown are skipped by their ID.
 */
function Live({ after }: { after: string }) {
  const [messages, setMessages] = useState<Message[]>([])
  const { error } = useSubscription(RECEIVED, {
    variables: { after },
    onData: ({ data }) => {
      const message = data.data?.privateMessageReceived.message
      if (message) setMessages((known) => (known.some(({ id }) => id === message.id) ? known : [...known, message]))
    },
  })
  return (
    <>
      <h2>New messages</h2>
      <ol aria-label="Messages">
        {messages.map(({ id, sender, text, attachments }) => (
          <li key={id}>
            <strong>{sender?.username}</strong>: {text}{' '}
            {attachments.map((each) => (
              <a key={each.id} href={each.url ?? undefined} download>
                {each.filename} ({each.byteSize} bytes)
              </a>
            ))}
          </li>
        ))}
      </ol>
      <p role="alert">{error?.message}</p>
    </>
  )
}
