import { expect, test } from "vitest"
import { type Bot, type Context, createBot } from "../src/index.ts"
import { provider } from "./peers.ts"
import { botJid, keepingLogger, lastingStorage } from "./setup.ts"
import { createWorld } from "./world.ts"

function bot(): Bot<Context> {
  const transport = createWorld().connect(botJid)
  return createBot({ transport, provider, storage: lastingStorage(), log: keepingLogger() })
}

test("what can be registered is checked", () => {
  expect(() => bot().command("two words", () => {})).toThrow(expect.objectContaining({ code: "CONFIGURATION" }))
  const registered = bot().command("go", () => {})
  expect(() => registered.command("GO", () => {})).toThrow(expect.objectContaining({ code: "CONFIGURATION" }))
  const transport = createWorld().connect(botJid)
  expect(() => createBot({ transport, provider, storage: lastingStorage(), commandPrefix: "" })).toThrow(
    expect.objectContaining({ code: "CONFIGURATION", details: { field: "commandPrefix" } }),
  )
})
