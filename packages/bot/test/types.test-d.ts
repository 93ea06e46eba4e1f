import type { Incoming, Rejected, Secure } from "@aurochs/message"
import { expect, expectTypeOf, test } from "vitest"
import { type Bot, type CommandContext, type Context, createBot, type Middleware } from "../src/index.ts"
import { provider } from "./peers.ts"
import { botJid, keepingLogger, lastingStorage } from "./setup.ts"
import { createWorld } from "./world.ts"

function bot(): Bot<Context> {
  const transport = createWorld().connect(botJid)
  return createBot({ transport, provider, storage: lastingStorage(), log: keepingLogger() })
}

const roster: Middleware<Context, { readonly role: "admin" | "guest" }> = async (ctx, next) => {
  await next({ role: ctx.message.peer.endsWith("@example.org") ? "admin" : "guest" })
}
const timing: Middleware<Context> = async (_ctx, next) => {
  await next()
}

test("A30: there is no reply on anything that is not secure, by type", () => {
  for (const kind of ["rejected", "unverified", "plaintext", "secure"] as const) {
    bot().observe(kind, (ctx) => {
      // @ts-expect-error an observer has no reply
      ctx.reply
    })
  }
  const silent: Middleware<Context> = async (ctx, next) => {
    // @ts-expect-error neither has a middleware
    ctx.reply
    await next()
  }
  expect(bot().use(silent)).toBeDefined()
})

test("R14, XEP-0373 §3.1: handlers never see a text that nobody is known to have written", () => {
  bot().observe("rejected", (ctx) => {
    expectTypeOf(ctx.message).toExtend<Rejected>()
    // @ts-expect-error what was rejected has no body
    ctx.message.body
  })
  bot().observe("unverified", (ctx) => {
    // @ts-expect-error neither has what is unverified
    ctx.message.body
  })
  bot().observe("plaintext", (ctx) => {
    expectTypeOf(ctx.message.body).toEqualTypeOf<string>()
    // @ts-expect-error plaintext carries no signer
    ctx.message.signedBy
  })
  bot().observe("secure", (ctx) => {
    expectTypeOf(ctx.message.body).toEqualTypeOf<string | undefined>()
  })
  // @ts-expect-error there is no such outcome
  bot().observe("secrue", () => {})
})

test("a text handler gets a secure message with a body, and may return its reply's promise", () => {
  bot().text((ctx) => {
    expectTypeOf(ctx.message.body).toEqualTypeOf<string>()
    expectTypeOf(ctx.message).toExtend<Secure>()
    return ctx.reply(ctx.message.body)
  })
  bot().command("deploy", { allow: { level: "verified" }, maxAgeMs: 600_000 }, (ctx) => {
    expectTypeOf(ctx.args).toEqualTypeOf<readonly string[]>()
    expectTypeOf(ctx).toExtend<CommandContext>()
    return ctx.reply(`deploying ${ctx.args[0]} for ${ctx.message.signedBy}`)
  })
  bot().command("ping", (ctx) => ctx.reply("pong"))
  // @ts-expect-error not a level
  bot().command("x", { allow: { level: "friend" } }, () => {})
  // @ts-expect-error no options without a handler
  bot().command("y", { maxAgeMs: 1 })
})

test("middleware widens the type of what comes behind it", () => {
  bot()
    .use(timing)
    .use(roster)
    .text((ctx) => {
      expectTypeOf(ctx.role).toEqualTypeOf<"admin" | "guest">()
    })
    .command("who", (ctx) => ctx.reply(ctx.role))
    .observe("rejected", (ctx) => ctx.log.warn(ctx.message.check, { role: ctx.role }))
  bot().text((ctx) => {
    // @ts-expect-error role is unknown before roster is used
    ctx.role
  })
  // @ts-expect-error the addition is required
  const broken: Middleware<Context, { readonly role: string }> = async (_ctx, next) => next()
  expect(broken).toBeDefined()
  bot().use<{ readonly at: number }>(async (_ctx, next) => {
    await next({ at: 1 })
    // @ts-expect-error not what was promised
    await next({ at: "1" })
  })
  expectTypeOf<Context["message"]>().toEqualTypeOf<Incoming>()
})

test("I11: there is no choice between sign, crypt and signcrypt", () => {
  const transport = createWorld().connect(botJid)
  // @ts-expect-error no such option
  const made = createBot({ transport, provider, storage: lastingStorage(), log: keepingLogger(), mode: "crypt" })
  expect(made).toBeDefined()
  // @ts-expect-error plaintext is never "off"
  createBot({ transport, provider, storage: lastingStorage(), log: keepingLogger(), encryption: "off" })
})
