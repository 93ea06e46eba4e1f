import { readdirSync, readFileSync } from "node:fs"
import { bareJid, type Delivery, type KnownKey } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import { openssl } from "@aurochs/crypto-openssl"
import { blindBeforeVerification } from "@aurochs/keys"
import { parseXml } from "@aurochs/xml"
import { describe, expect, it } from "vitest"
import { open } from "../src/index.ts"
import { type Setting, usualSetting } from "./support/attack-setting.ts"
import { born } from "./support/forge.ts"
import { provider as openpgpjs } from "./support/world.ts"

// Runs vectors/attacks/: what is there was written by scripts/make-vectors.ts.

const folder = new URL("../../../vectors/attacks/", import.meta.url)
const cases = readdirSync(folder).filter((name) => /^A\d/.test(name))

interface Expectation extends Partial<Setting> {
  readonly attack: string
  readonly what: string
  readonly expect: (Record<string, unknown> & { body?: string | null; payload?: string[] }) | null
}

const providers = [openpgpjs, openssl({ fallback: openpgpjs })]

const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, folder)))

async function keyOf(provider: CryptoProvider, known: Setting["keysOf"][number], now: Date): Promise<KnownKey> {
  const bytes = bytesOf(`keys/${known.certificate}.pub.pgp`)
  const { fingerprint } = await provider.inspect(bytes, { now })
  const owner = bareJid(known.owner)
  const origin = { firstSeen: born, source: "pep", binds: "account", announced: true, approval: "none" } as const
  return { fingerprint, bytes, owner, ...origin }
}

async function run(provider: CryptoProvider, name: string, setting: Setting) {
  const now = new Date(setting.now)
  const stanza = parseXml(bytesOf(`${name}/stanza.xml`))
  const stampedAt = setting.stampedAt === undefined ? undefined : new Date(setting.stampedAt)
  const delivery: Delivery = { stanza, via: setting.via, stampedAt, kept: () => undefined }
  const secrets = setting.decryptWith.map((owner) => provider.importSecret(bytesOf(`keys/${owner}.sec.pgp`)))
  return open(delivery, {
    account: bareJid(setting.account),
    provider,
    decryptWith: (await Promise.all(secrets)).flat(),
    keysOf: await Promise.all(setting.keysOf.map((known) => keyOf(provider, known, now))),
    trust: blindBeforeVerification(),
    now,
  })
}

describe.each(providers)("golden attacks, with $name", (provider) => {
  it("are all there", () => {
    const attacks = new Set(cases.map((name) => name.replace(/-.*/, "")))
    const expected = [1, 3, 4, 7, 8, 9, 10, 11, 12, 15, 16, 17, 20, 21, 22, 26, 27, 29].map((n) => `A${n}`)
    expect([...attacks].sort()).toEqual(expected.sort())
  })

  it.each(cases.map((name) => ({ name, expected: expectationOf(name) })))(
    "$expected.attack: $name: $expected.what",
    async ({ name, expected: { expect: outcome, ...setting } }) => {
      const started = performance.now()
      const received = await run(provider, name, { ...usualSetting, ...setting })
      if (outcome === null) return expect(received).toBeUndefined()
      const { body, payload, ...rest } = outcome
      expect(received).toMatchObject(rest)
      if (body !== undefined) expect(received).toMatchObject({ body: body ?? undefined })
      if (payload !== undefined && received?.kind === "secure") {
        expect(received.payload.map((child) => child.name)).toEqual(payload)
      }
      // What is outside never becomes what is said, and nothing takes long.
      expect(JSON.stringify(received)).not.toContain("outer fallback")
      expect(performance.now() - started).toBeLessThan(5_000)
    },
  )
})

function expectationOf(name: string): Expectation {
  return JSON.parse(readFileSync(new URL(`${name}/expect.json`, folder), "utf8")) as Expectation
}
