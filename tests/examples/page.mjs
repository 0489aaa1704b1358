// Two people on the React page, in two browser contexts of chromium: argument 1 the page's address, 2 the browser, 3 a folder.
// Prints a JSON object of what each saw; the server is restarted in between when a line on stdin says that it was.
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { chromium } from 'playwright-core'

const [, , address, executablePath, folder] = process.argv
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
const complaints = []
const foreign = []

async function signedIn(name, password = 'demo') {
  const page = await (await browser.newContext()).newPage()
  page.setDefaultTimeout(30_000)
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => {
    if (!request.url().startsWith(address) && !request.url().startsWith('data:')) foreign.push(request.url())
  })
  await page.goto(address)
  await page.getByLabel('Username').fill(name)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  return page
}

// Waits for what the page says of it: the words of the last time may stand there still.
async function write(page, to, text, answer, ...files) {
  await page.getByLabel('To').fill(to)
  await page.getByLabel('Text').fill(text)
  await page.getByLabel('Files').setInputFiles(files)
  await page.getByRole('button', { name: 'Send' }).click()
  const status = page.getByRole('status').filter({ hasText: answer })
  await status.waitFor()
  return status.innerText()
}

// What stands in the form, and what comes of pressing the button without a word more.
async function again(page) {
  const text = await page.getByLabel('Text').inputValue()
  const files = await page.getByLabel('Files').evaluate((input) => input.files.length)
  await page.getByRole('button', { name: 'Send' }).click()
  const status = page.getByRole('status').filter({ hasText: 'Sent.' })
  await status.waitFor()
  return [text, files, await status.innerText(), await page.getByLabel('Text').inputValue()]
}

const messages = (page) => page.getByRole('list', { name: 'Messages' }).getByRole('listitem')
const heard = (page, text) => messages(page).filter({ hasText: text }).first().waitFor()
const said = {}

const wrong = await signedIn('alice', 'not this one')
said.wrongPassword = await wrong.getByRole('alert').filter({ hasText: /\S/ }).innerText()
const [alice, bob] = [await signedIn('alice'), await signedIn('bob')]
await bob.getByRole('heading', { name: 'bob' }).waitFor()
said.inbox = await bob.getByRole('list', { name: 'Conversations' }).innerText()

const notes = `${folder}/notes.txt`
await writeFile(notes, 'Meet me at the harbour.\n')
said.sent = await write(alice, 'bob', 'See the <b>notes</b>', 'Sent', notes)
await heard(bob, 'See the')
said.heard = await messages(bob).allInnerTexts()
const [download] = await Promise.all([bob.waitForEvent('download'), messages(bob).getByRole('link').first().click()])
said.downloaded = (await (await download.createReadStream()).toArray()).join('')
said.refused = await write(alice, 'nobody-at-all', 'Hello?', 'Nobody')
said.complaints = [...complaints]

console.log('restart')
await once(process.stdin, 'data')
await write(alice, 'bob', 'After the restart', 'Sent')
await heard(bob, 'After the restart')
await alice.route('**/graphql', (route) => route.abort(), { times: 1 })
said.unsent = await write(alice, 'bob', 'With a file', 'again', notes)
said.kept = await again(alice)
await heard(bob, 'With a file')
await alice.route('**/graphql', async (route) => (await route.fetch()) && route.abort(), { times: 1 })
await write(alice, 'bob', 'Its answer was lost', 'again')
said.repeated = await again(alice)
await write(alice, 'bob', 'The last', 'Sent')
await heard(bob, 'The last')
said.after = await messages(bob).allInnerTexts()
await bob.screenshot({ path: `${folder}/bob.png` })
console.log(JSON.stringify({ ...said, foreign }))
await browser.close()
process.exit(0)
