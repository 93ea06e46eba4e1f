#!/usr/bin/env node
import { createBot } from "@aurochs/bot"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { fileStore } from "@aurochs/storage"
import { xmpp } from "@aurochs/xmpp"

const { BOT_JID = "", BOT_PASSWORD = "", BOT_SERVICE: service } = process.env
const stop = new AbortController()
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort())

const storage = fileStore("./echo-bot-state")
const transport = xmpp({ jid: BOT_JID, password: BOT_PASSWORD, service, state: storage.state })
const bot = createBot({ transport, provider: openpgpjs(), storage })
bot.text((ctx) => ctx.reply(`you said ${ctx.message.body}`))
await bot.run({ signal: stop.signal })
