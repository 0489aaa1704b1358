// gql.tada reads the types from the documents themselves.
import { initGraphQLTada, type ResultOf } from 'gql.tada'

import type { introspection } from './generated/graphql-env'

const graphql = initGraphQLTada<{
  introspection: introspection
  scalars: { ByteSize: number; DateTime: string; EventCursor: string; JSON: unknown; URL: string; Upload: File }
}>()

export const block = graphql(`
  mutation Block($input: BlockUserInput!) {
    blockUser(input: $input) {
      __typename
      ... on BlockUserSuccess { user { id viewerHasBlocked } }
      ... on InvalidInputError { issues { reason } }
      ... on UserError { detail }
    }
  }
`)

export function sentenceOf({ blockUser }: ResultOf<typeof block>): string {
  if (blockUser.__typename === 'BlockUserSuccess') return String(blockUser.user.viewerHasBlocked)
  if (blockUser.__typename === 'InvalidInputError') return blockUser.issues.map(({ reason }) => reason).join()
  return blockUser.detail
}
