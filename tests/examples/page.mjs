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
  await page.getByLabel('User name').fill(name)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  return page
}

async function write(page, to, text, ...files) {
  await page.getByLabel('To').fill(to)
  await page.getByLabel('Text').fill(text)
  await page.getByLabel('Files').setInputFiles(files)
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByRole('status').filter({ hasText: /\S/ }).waitFor()
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
await write(alice, 'bob', 'See the <b>notes</b>', notes)
said.sent = await alice.getByRole('status').innerText()
await heard(bob, 'See the')
said.heard = await messages(bob).allInnerTexts()
const [download] = await Promise.all([bob.waitForEvent('download'), messages(bob).getByRole('link').first().click()])
said.downloaded = (await (await download.createReadStream()).toArray()).join('')
await write(alice, 'nobody-at-all', 'Hello?')
said.refused = await alice.getByRole('status').innerText()
said.complaints = [...complaints]

console.log('restart')
await once(process.stdin, 'data')
await write(alice, 'bob', 'After the restart')
await heard(bob, 'After the restart')
said.after = await messages(bob).allInnerTexts()
await bob.screenshot({ path: `${folder}/bob.png` })
console.log(JSON.stringify({ ...said, foreign }))
await browser.close()
process.exit(0)
