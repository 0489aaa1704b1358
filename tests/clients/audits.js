// The server audits of the npm package graphql-http; prints one JSON line with what each of them said.
import { serverAudits } from 'graphql-http'

const [url] = process.argv.slice(2)
const results = []
for (const audit of serverAudits({ url, fetchFn: fetch })) {
  const { id, name, status, ...rest } = await audit.fn()
  results.push({ id: audit.id, name: audit.name, status, reason: rest.reason ?? null })
}
console.log(JSON.stringify(results))
