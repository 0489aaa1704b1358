// The documents of ../relay/cache.js for clients that know no directives of Relay: DOCUMENTS.Inbox is cacheInboxQuery.
import { readFileSync } from 'node:fs'

import { parse, print, separateOperations, visit } from 'graphql'

const source = readFileSync(new URL('../relay/cache.js', import.meta.url), 'utf8')
const texts = [...source.matchAll(/^graphql`(.*?)^`/gms)].map(([, text]) => text)
const document = visit(parse(texts.join('\n')), { Directive: () => null })

export const DOCUMENTS = Object.fromEntries(
  Object.entries(separateOperations(document)).map(([name, each]) => [
    name.replace(/^cache|Query$|Mutation$|Subscription$/g, ''),
    print(each),
  ]),
)
