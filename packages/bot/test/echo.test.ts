import { namespaces } from "@aurochs/xml"
import { expect, test } from "vitest"
import { createPeer } from "./peers.ts"
import { botJid, startBot } from "./setup.ts"
import { createWorld } from "./world.ts"

test("R14, I4, I5: an encrypted message is answered, encrypted, and both are in the archive", async () => {
  const world = createWorld()
  const juliet = await createPeer(world, "juliet")
  const bot = await startBot(world, (bot) => bot.text((ctx) => ctx.reply(`you said ${ctx.message.body}`)))
  await juliet.say(botJid, bot.certificate, "wherefore")
  const answer = await juliet.hear(botJid, bot.certificate)
  expect(answer).toMatchObject({ kind: "secure", body: "you said wherefore" })
  await bot.stop()
  expect(world.wire()).not.toContain("wherefore")
  const entries = await Array.fromAsync(bot.storage.archive.read({ account: botJid }))
  expect(entries.map(({ direction, verdict, handled }) => [direction, verdict?.outcome, handled])).toEqual([
    ["in", "secure", true],
    ["out", "secure", expect.anything()],
  ])
})

test("I1, I14: OX for chat, its key list and EME are announced, and taken back at the end", async () => {
  const world = createWorld()
  const bot = await startBot(world)
  expect([...bot.client.features]).toEqual(
    expect.arrayContaining([namespaces.openpgpIm, "urn:xmpp:openpgp:0:public-keys+notify", namespaces.eme]),
  )
  await bot.stop()
  expect([...bot.client.features]).toEqual([])
})
