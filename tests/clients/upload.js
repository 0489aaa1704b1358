// The GraphQL multipart request specification by hand, for clients without uploads of their own.
import { SEND, url } from './story.js'

export async function sendFiles(token, input, files) {
  const form = new FormData()
  form.append('operations', JSON.stringify({ query: SEND, variables: { input } }))
  const places = files.map((_, index) => [index, [`variables.input.attachments.${index}.file`]])
  form.append('map', JSON.stringify(Object.fromEntries(places)))
  files.forEach((file, index) => form.append(String(index), file, file.name))
  const response = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: form })
  const { data, errors } = await response.json()
  if (errors) throw new Error(JSON.stringify(errors))
  return data
}
