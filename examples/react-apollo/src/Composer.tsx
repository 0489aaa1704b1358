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
  const attempt = useRef(crypto.randomUUID()) // of this draft: sent again after a lost answer, it is the same message

  // Not an `action`: React empties the form as soon as one returns, and the draft is to stay until there is an answer.
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
      setStatus(said(data.sendPrivateMessage))
      if (data.sendPrivateMessage.__typename !== 'SendPrivateMessageSuccess') return // nothing was stored: the id is free
      attempt.current = crypto.randomUUID()
      form.reset()
    } catch (error) {
      setStatus(`No result (${error instanceof Error ? error.message : error}). Press Send again: it arrives once.`)
    }
  }

  // While it waits nothing can be changed; a draft that is changed afterwards is another message, with another id.
  return (
    <form onSubmit={(event) => void submit(event)} onInput={() => (attempt.current = crypto.randomUUID())}>
      <h2>Write</h2>
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
