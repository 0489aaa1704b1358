import { useMutation } from '@apollo/client/react'
import { useState } from 'react'

import { graphql } from './generated'

const SIGN_IN = graphql(`
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) {
      __typename
      ... on SignInSuccess { token }
      ... on UserError { detail code }
    }
  }
`)

export function SignIn({ onToken }: { onToken: (token: string) => void }) {
  const [signIn, { loading, error }] = useMutation(SIGN_IN)
  const [refusal, setRefusal] = useState('')

  async function submit(form: FormData) {
    const input = { username: String(form.get('username')), password: String(form.get('password')) }
    const result = (await signIn({ variables: { input } })).data?.signIn
    if (result?.__typename === 'SignInSuccess') onToken(result.token)
    else if (result) setRefusal(result.detail)
  }

  return (
    <form action={(form) => void submit(form).catch(() => {})}>
      <h1>Sign in</h1>
      <label>
        Username <input name="username" autoComplete="username" required />
      </label>
      <label>
        Password <input name="password" type="password" autoComplete="current-password" required />
      </label>
      <button disabled={loading}>Sign in</button>
      <p role="alert">{error?.message ?? refusal}</p>
    </form>
  )
}
