import { useQuery, useSubscription } from '@apollo/client/react'
import { useState } from 'react'

import { Composer } from './Composer'
import { graphql } from './generated'
import type { HearSubscription } from './generated/graphql'

// The cursor comes in the same request as what is shown first: nothing falls between the two.
const START = graphql(`
  query Start {
    viewer { eventCursor user { username } }
    conversations(first: 20) {
      nodes { id otherParticipants { user { username } } lastMessage { id text } }
    }
  }
`)

const HEAR = graphql(`
  subscription Hear($after: EventCursor) {
    privateMessageReceived(after: $after) {
      cursor
      message { id text createdAt sender { username } attachments { id filename byteSize url } }
    }
  }
`)

type Message = HearSubscription['privateMessageReceived']['message']

export function Chat() {
  const { data, error } = useQuery(START)
  if (error) return <p role="alert">{error.message}</p>
  if (!data) return <p>Loading…</p>
  return (
    <main>
      <h1>{data.viewer.user.username}</h1>
      <h2>Conversations</h2>
      <ul aria-label="Conversations">
        {data.conversations.nodes.map(({ id, otherParticipants, lastMessage }) => (
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
 * What has come since the page was loaded. After a break graphql-ws subscribes again with the cursor of the first time, and
 * the server replays from there: a message that was heard before has the same id, and is shown once.
 */
function Live({ after }: { after: string }) {
  const [messages, setMessages] = useState<Message[]>([])
  const { error } = useSubscription(HEAR, {
    variables: { after },
    onData: ({ data }) => {
      const message = data.data?.privateMessageReceived.message
      if (message) setMessages((known) => (known.some(({ id }) => id === message.id) ? known : [...known, message]))
    },
  })
  return (
    <>
      <h2>Since you came</h2>
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
