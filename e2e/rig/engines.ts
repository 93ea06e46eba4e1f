import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { gnupg } from "@aurochs/crypto-gnupg"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openssl } from "@aurochs/crypto-openssl"
import { sop } from "@aurochs/crypto-sop"
import { type Missing, programOr } from "@aurochs/debian-programs"

/** An engine of this machine, made for a test. */
export interface TestEngine extends AsyncDisposable {
  readonly provider: CryptoProvider
  readonly missing?: undefined
}

/** How each engine is made, by the name that `aurochs --backend` takes; or why it cannot be. */
export const engines: Readonly<Record<string, () => Promise<TestEngine | Missing>>> = {
  openpgpjs: async () => engine(openpgpjs()),
  openssl: async () => engine(openssl({ fallback: openpgpjs() })),
  gnupg: async () => {
    const program = await programOr("gpg", "gnupg")
    if (program.missing !== undefined) return program
    const homedir = await mkdtemp(join(tmpdir(), "aurochs-engine-"))
    const provider = gnupg({ homedir, certificates: openpgpjs(), program: program.path })
    return engine(provider, async () => {
      await provider[Symbol.asyncDispose]()
      await rm(homedir, { recursive: true, force: true })
    })
  },
  "sop:sqop": () => stateless("sqop"),
  "sop:gosop": () => stateless("gosop"),
  ...(process.env.AUROCHS_ALL_BACKENDS ? { "sop:pgpainless-cli": () => stateless("pgpainless-cli") } : {}),
}

/** Engines that are left out here, each with the reason; `npm run backends` has them all. */
export const leftOut: Readonly<Record<string, string>> = process.env.AUROCHS_ALL_BACKENDS
  ? {}
  : { "sop:pgpainless-cli": "each call starts a Java machine: npm run backends runs it" }

async function stateless(name: string): Promise<TestEngine | Missing> {
  const program = await programOr(name, name)
  if (program.missing !== undefined) return program
  return engine(sop({ program: program.path, env: program.env, certificates: openpgpjs() }))
}

function engine(provider: CryptoProvider, dispose: () => Promise<void> = async () => {}): TestEngine {
  return { provider, [Symbol.asyncDispose]: dispose }
}

/** The one secret key in these bytes. */
export async function onlyKey(provider: CryptoProvider, secret: Uint8Array): Promise<SecretKey> {
  const [key, ...others] = await provider.importSecret(secret)
  if (key === undefined || others.length > 0) throw new Error("one key was expected")
  return key
}
