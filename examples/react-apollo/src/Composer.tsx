import { useMutation } from '@apollo/client/react'
import { type FormEvent, useRef, useState } from 'react'

import { graphql } from './generated'
import type { SendMutation } from './generated/graphql'

const SEND = graphql(`
  mutation Send($input: SendPrivateMessageInput!) {
    sendPrivateMessage(input: $input) {
      __typename
      ... on SendPrivateMessageSuccess { message { id } }
      ... on RecipientsRejectedError { recipientRejections { index reason detail } }
      ... on AttachmentsRejectedError { attachmentRejections { filename reason detail } }
      ... on RateLimitedError { retryAfterSeconds }
      ... on UserError { detail code }
    }
  }
`)

/** The result as text; every error type that is not listed has a `detail`. */
function textOf(result: SendMutation['sendPrivateMessage']): string {
  switch (result.__typename) {
    case 'SendPrivateMessageSuccess':
      return 'Sent.'
    case 'RecipientsRejectedError':
      return result.recipientRejections.map(({ detail }) => detail).join(' ')
    case 'AttachmentsRejectedError':
      return result.attachmentRejections.map(({ detail }) => detail).join(' ')
    case 'RateLimitedError':
      return `Too many messages; try again in ${Math.ceil(result.retryAfterSeconds)} s.`
    default:
      return result.detail
  }
}

export function Composer() {
  const [send, { loading }] = useMutation(SEND)
  const [status, setStatus] = useState('')
  const attempt = useRef(crypto.randomUUID()) // one per draft: a retry after a lost response is the same message

  // Not an `action`, because React would clear the form before there is a response.
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = event.currentTarget
    const given = new FormData(form)
    const files = given.getAll('files').filter((file): file is File => file instanceof File && file.size > 0)
    const input = {
      to: { users: [{ username: String(given.get('to')) }] },
      text: String(given.get('text')) || null,
      attachments: files.map((file) => ({ file })),
      clientMessageId: attempt.current,
    }
    try {
      const { data } = await send({ variables: { input } })
      if (!data) return
      setStatus(textOf(data.sendPrivateMessage))
      // After an error nothing was stored, so the ID can be reused.
      if (data.sendPrivateMessage.__typename !== 'SendPrivateMessageSuccess') return
      attempt.current = crypto.randomUUID()
      form.reset()
    } catch (error) {
      const reason = error instanceof Error ? error.message : error
      setStatus(`No response (${reason}). Press Send again; the message is not sent twice.`)
    }
  }

  // The form is disabled while a request is running. Any later change makes it a new message with a new ID.
  return (
    <form onSubmit={(event) => void submit(event)} onInput={() => (attempt.current = crypto.randomUUID())}>
      <h2>New message</h2>
      <fieldset disabled={loading}>
        <label>
          To <input name="to" required />
        </label>
        <label>
          Text <input name="text" />
        </label>
        <label>
          Files <input name="files" type="file" multiple />
        </label>
        <button>Send</button>
      </fieldset>
      <p role="status">{status}</p>
    </form>
  )
}
