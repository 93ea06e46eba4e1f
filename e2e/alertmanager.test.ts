import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { debianPrograms } from "@aurochs/debian-programs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { removeFolder, temporaryFolder } from "./rig/folder.ts"
import { goSendxmpp } from "./rig/gosendxmpp.ts"
import { type NotifyBot, notifyBotOn } from "./rig/notify-bot.ts"
import { eventually, freePort, type Running, start } from "./rig/processes.ts"
import { type Prosody, startProsody } from "./rig/prosody.ts"

let folder: string
let prosody: Prosody
let bot: NotifyBot
let alertmanager: Running
let api: string
beforeAll(async () => {
  folder = await temporaryFolder("alertmanager")
  prosody = await startProsody({ folder, users: ["bot", "alice"] })
  bot = await notifyBotOn(prosody, { folder, user: "bot", recipients: ["alice"] })
  const programs = await debianPrograms({ "prometheus-alertmanager": "prometheus-alertmanager" })
  const [port, cluster] = [await freePort(), await freePort()]
  api = `http://127.0.0.1:${port}`
  await writeFile(join(folder, "token"), bot.token, { mode: 0o600 })
  await writeFile(join(folder, "alertmanager.yml"), configuration(bot.url, join(folder, "token")))
  const args = [
    `--config.file=${join(folder, "alertmanager.yml")}`,
    `--storage.path=${join(folder, "alertmanager")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    `--cluster.listen-address=127.0.0.1:${cluster}`,
  ]
  alertmanager = start(programs.path("prometheus-alertmanager"), args, { env: { ...process.env, ...programs.env } })
  await eventually("Alertmanager is ready", async () =>
    fetch(`${api}/-/ready`).then(
      (response) => response.ok || undefined,
      () => undefined,
    ),
  )
}, 180_000)
afterAll(async () => {
  await alertmanager?.stop()
  await bot?.stop()
  await prosody?.stop()
  await removeFolder(folder)
})

function configuration(url: string, tokenFile: string): string {
  return `route: { receiver: xmpp, group_by: [alertname], group_wait: 1s, group_interval: 1s }
receivers:
  - name: xmpp
    webhook_configs:
      - url: ${url}/alertmanager
        http_config: { authorization: { credentials_file: ${tokenFile} } }
`
}

async function alert(endsAt?: Date): Promise<void> {
  const body = [
    {
      labels: { alertname: "BackupMissing", instance: "db-1" },
      annotations: { summary: "no backup of db-1 since yesterday" },
      startsAt: "2026-11-23T02:14:33Z",
      ...(endsAt ? { endsAt } : {}),
    },
  ]
  const headers = { "content-type": "application/json" }
  const response = await fetch(`${api}/api/v2/alerts`, { method: "POST", headers, body: JSON.stringify(body) })
  expect(response.status).toBe(200)
}

describe("Debian's Alertmanager", () => {
  it("an alert that it fires, and later resolves, arrives encrypted; while the bot is away it tries again", async () => {
    const server = `127.0.0.1:${prosody.port}`
    const alice = await goSendxmpp({ folder, server, jid: "alice@ox.test", password: "pw-alice" })
    await alice.generateKey()
    const listener = alice.listen()
    try {
      // Nobody listens at the webhook yet: Alertmanager keeps the notification and repeats the post.
      await alert()
      await bot.start()
      await listener.waitFor(/\[OX\] bot@ox\.test: \[FIRING:1\] BackupMissing[\s\S]*no backup of db-1/, 40_000)
      await alert(new Date())
      await listener.waitFor(/\[OX\] bot@ox\.test: \[RESOLVED\] BackupMissing/, 40_000)
    } finally {
      await listener.stop()
    }
    expect(await prosody.log()).not.toContain("no backup of db-1")
  }, 120_000)
})
