import { ApolloProvider } from '@apollo/client/react'
import { StrictMode, useMemo, useState } from 'react'
import { createRoot } from 'react-dom/client'

import { Chat } from './Chat'
import { connect } from './client'
import { SignIn } from './SignIn'

function App() {
  const [token, setToken] = useState<string | null>(null)
  const client = useMemo(() => connect(token), [token])
  return (
    <ApolloProvider client={client}>{token ? <Chat /> : <SignIn onToken={setToken} />}</ApolloProvider>
  )
}

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
