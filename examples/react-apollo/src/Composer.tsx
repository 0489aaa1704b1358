import { useMutation } from '@apollo/client/react'
import { useRef, useState } from 'react'

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

/** A sentence for each way in which a send can end; those that are not named have one of their own. */
function said(result: SendMutation['sendPrivateMessage']): string {
  switch (result.__typename) {
    case 'SendPrivateMessageSuccess':
      return 'Sent.'
    case 'RecipientsRejectedError':
      return result.recipientRejections.map(({ detail }) => detail).join(' ')
    case 'AttachmentsRejectedError':
      return result.attachmentRejections.map(({ detail }) => detail).join(' ')
    case 'RateLimitedError':
      return `Too fast: again in ${Math.ceil(result.retryAfterSeconds)} s.`
    default:
      return result.detail
  }
}

export function Composer() {
  const [send, { loading }] = useMutation(SEND)
  const [status, setStatus] = useState('')
  const attempt = useRef(crypto.randomUUID()) // kept until there is an answer: a repeated send is the same message

  async function submit(form: FormData) {
    const files = form.getAll('files').filter((file): file is File => file instanceof File && file.size > 0)
    const input = {
      to: { users: [{ username: String(form.get('to')) }] },
      text: String(form.get('text')) || null,
      attachments: files.map((file) => ({ file })),
      clientMessageId: attempt.current,
    }
    try {
      const { data } = await send({ variables: { input } })
      if (data) setStatus(said(data.sendPrivateMessage))
      attempt.current = crypto.randomUUID()
    } catch (error) {
      setStatus(error instanceof Error ? error.message : 'No answer: try again.')
    }
  }

  return (
    <form action={(form) => void submit(form)}>
      <h2>Write</h2>
      <label>
        To <input name="to" required />
      </label>
      <label>
        Text <input name="text" />
      </label>
      <label>
        Files <input name="files" type="file" multiple />
      </label>
      <button disabled={loading}>Send</button>
      <p role="status">{status}</p>
    </form>
  )
}
