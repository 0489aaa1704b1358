// The ids of the documents as the client preset of GraphQL Code Generator makes them: the SHA-1 of the printed text.
import { createHash } from 'node:crypto'

import { print } from 'graphql'

import * as documents from './documents.js'

export const idOf = (document) => createHash('sha1').update(print(document)).digest('hex')

export const idsOf = () => Object.values(documents).map((document) => ({ id: idOf(document), text: print(document) }))
