import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describeCryptoProvider } from "@aurochs/conformance"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { afterAll } from "vitest"
import { type GnupgProvider, gnupg } from "../src/index.ts"

const made: { provider: GnupgProvider; home: string }[] = []
afterAll(async () => {
  for (const { provider, home } of made) {
    await provider[Symbol.asyncDispose]()
    await rm(home, { recursive: true, force: true })
  }
})

describeCryptoProvider("gnupg", async () => {
  const home = await mkdtemp(join(tmpdir(), "aurochs-gnupg-home-"))
  const provider = gnupg({ homedir: home, certificates: openpgpjs(), program: process.env.GPG })
  made.push({ provider, home })
  return provider
})
