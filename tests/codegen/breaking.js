// Whether graphql-inspector calls the change from one schema to another breaking; pairs of texts by stdin, answers by stdout.
import { text } from 'node:stream/consumers'

import { CriticalityLevel, diff } from '@graphql-inspector/core'
import { buildSchema } from 'graphql'

const answers = []
for (const [before, after] of JSON.parse(await text(process.stdin))) {
  const changes = await diff(buildSchema(before), buildSchema(after))
  answers.push(changes.filter((each) => each.criticality.level === CriticalityLevel.Breaking).map((each) => each.message))
}
process.stdout.write(JSON.stringify(answers))
