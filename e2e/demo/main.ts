// `npm run demo`: an alert becomes an encrypted message in a client that others wrote, and is read back from Postgres.
// `npm run demo -- --story rotation`: two bots, one of which changes keys while they talk.
import { setTimeout as sleep } from "node:timers/promises"
import { debianPrograms } from "@aurochs/debian-programs"
import { removeFolder, temporaryFolder } from "../rig/folder.ts"
import { GO_SENDXMPP_PACKAGES } from "../rig/gosendxmpp.ts"
import { type NotifyBot, notifyBot } from "../rig/notify-bot.ts"
import { eventually } from "../rig/processes.ts"
import { PROSODY_PACKAGES } from "../rig/prosody.ts"
import { type Accounts, accountsOn, givenAccounts } from "./accounts.ts"
import { alertmanagerPayload } from "./payload.ts"
import { rotationStory } from "./rotation.ts"
import { quote, say, step } from "./telling.ts"

const keep = process.argv.includes("--keep")
const startedAt = Date.now()
const STORIES = { alert, rotation: () => rotationStory(cleanups) } as const
const ALERT = /4 % of \/var\/lib\/postgresql is left/
const cleanups: (() => Promise<unknown>)[] = []
const interrupted = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve())
})

async function alert(): Promise<void> {
  const folder = await temporaryFolder("demo")
  cleanups.push(() => removeFolder(folder))
  const packages = process.env.AUROCHS_SERVICE ? GO_SENDXMPP_PACKAGES : { ...PROSODY_PACKAGES, ...GO_SENDXMPP_PACKAGES }
  const programs = await step("Getting Prosody and go-sendxmpp from Debian", debianPrograms(packages))
  const accounts: Accounts = process.env.AUROCHS_SERVICE
    ? await givenAccounts(process.env, { folder, programs })
    : await step("Starting Prosody with two accounts", accountsOn({ folder, programs }))
  cleanups.push(accounts.stop)
  const { person } = accounts
  await step(`go-sendxmpp makes a key for ${person.jid} and announces it`, person.generateKey())
  const bot = await notifyBot({
    folder,
    ...accounts.bot,
    recipients: [{ jid: person.jid }],
    databaseUrl: process.env.DATABASE_URL,
  })
  if (process.env.DATABASE_URL) await step("Preparing the database", command(bot, "migrate"))
  cleanups.push(() => bot.stop())
  const database = process.env.DATABASE_URL ? "the given Postgres" : "an embedded Postgres"
  await step(`Starting the notification bot ${accounts.bot.jid} with ${database}`, bot.start())
  const listener = person.listen()
  cleanups.push(() => listener.stop())
  await sleep(1_000)

  const response = await step("Alertmanager posts two firing alerts", bot.post(alertmanagerPayload))
  say(`  the bot answered ${response.status}: ${await response.text()}`)
  const line = await step(
    "Waiting for go-sendxmpp to decrypt",
    listener.waitFor(/^.*\[OX\].*\n(?:.*\n)*?.*4 % of.*$/m, 30_000),
  )
  say("  go-sendxmpp shows:")
  quote(line[0])
  const stanza = await accounts.lastStanza?.()
  if (stanza !== undefined) {
    if (ALERT.test(stanza)) throw new Error("the server saw the alert's text")
    say("  all that the server saw:")
    quote(stanza.replace(/(urn:xmpp:openpgp:0'>[^<]{60})[^<]+/, "$1…"))
  }
  await step(`${person.jid} asks the bot, encrypted`, person.send(accounts.bot.jid, "who are you?"))
  const answer = await step(
    "Waiting for the bot's answer",
    listener.waitFor(/^.*I am the notification bot.*$/m, 30_000),
  )
  say("  go-sendxmpp shows the answer, which the bot gives to nobody whose message it could not verify:")
  quote(answer[0])
  await readArchive(bot)
  done()
  if (keep) await stayUp(bot, accounts)
}

function done(): void {
  say(`Done in ${Math.round((Date.now() - startedAt) / 1000)} s.`)
}

async function main(): Promise<void> {
  const at = process.argv.indexOf("--story")
  const name = at === -1 ? "alert" : (process.argv[at + 1] ?? "")
  const story = Object.entries(STORIES).find(([one]) => one === name)?.[1]
  if (story === undefined) throw new Error(`there is no story "${name}"; there are: ${Object.keys(STORIES).join(", ")}`)
  await story()
  if (story !== alert) done()
}

/** The owner reads the alert back: ciphertext in Postgres, the key in the bot's folder. */
async function readArchive(bot: NotifyBot): Promise<void> {
  const listed = await step(
    "The bot's owner lists the archive",
    eventually("the archive", async () => {
      const text = await command(bot, "archive", "list")
      return text.trim().split("\n").length >= 3 ? text : undefined
    }),
  )
  quote(listed)
  const id = listed.trim().split("\n").at(-1)?.split(/\s/)[0] ?? ""
  const shown = await step("… and reads the alert back with the key", command(bot, "archive", "show", id))
  quote(shown)
  if (!ALERT.test(shown)) throw new Error("the archive does not give the alert back")
}

async function command(bot: NotifyBot, ...args: string[]): Promise<string> {
  const result = await bot.command(...args)
  if (result.code !== 0) throw new Error(`aurochs-notify ${args.join(" ")} ended with ${result.code}: ${result.stderr}`)
  return result.stdout
}

async function stayUp(bot: NotifyBot, accounts: Accounts): Promise<void> {
  say("")
  say("All of it goes on running; Ctrl-C stops it. Meanwhile:")
  say(`  post an alert:   curl -H 'Authorization: Bearer ${bot.token}' -d @payload.json ${bot.url}/alertmanager`)
  say(`  go-sendxmpp:     ${accounts.person.command}`)
  if (accounts.profanity) say(`  Profanity:       ${accounts.profanity}`)
  say(`  the archive:     node apps/notify-bot/dist/main.js archive list --config ${bot.configFile}`)
  await interrupted
}

try {
  const stopped = await Promise.race([main().then(() => false), interrupted.then(() => true)])
  if (stopped) say("stopping …")
} catch (error) {
  process.stderr.write(`The demo failed: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup().catch(() => {})
}
process.exit()
