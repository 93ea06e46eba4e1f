import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Certificate } from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openssl } from "@aurochs/crypto-openssl"
import type { KeyFiles, Other } from "./programs.ts"
import { type Draft, takeApart } from "./sealed.ts"

/** Two engines with the same keys. */
export interface Engines {
  readonly openpgpjs: Holder
  /** With {@link openpgpjs} behind it. */
  readonly openssl: Holder
  /** How often the last one handed on so far. */
  handedOn(): number
  readonly bobTransferable: Uint8Array
  readonly aliceTransferable: Uint8Array
}

export interface Holder {
  readonly provider: CryptoProvider
  readonly alice: SecretKey
  readonly bob: SecretKey
}

/**
 * Makes keys for alice, who signs, and bob, who reads.
 *
 * @param plant may put something else in the place of the fast engine
 */
export async function makeEngines(plant: (good: CryptoProvider) => CryptoProvider = (good) => good): Promise<Engines> {
  const reference = openpgpjs()
  let count = 0
  const fast = openssl({
    fallback: reference,
    onHandedOn: () => {
      count++
    },
  })
  const [alice, bob] = [await fresh(reference, "alice"), await fresh(reference, "bob")]
  return {
    openpgpjs: await holder(reference, alice, bob),
    openssl: await holder(plant(fast), alice, bob),
    handedOn: () => count,
    aliceTransferable: alice,
    bobTransferable: bob,
  }
}

async function fresh(provider: CryptoProvider, name: string): Promise<Uint8Array> {
  // Older than everything that is signed, also for programs whose clock ticks in seconds.
  const now = new Date(Date.now() - 60_000)
  const { key } = await provider.generate({ userId: `xmpp:${name}@example.org` }, { now })
  const bytes = await provider.secrets?.export(key, { passphrase: "none" })
  if (bytes === undefined) throw new Error("no export")
  return bytes
}

async function holder(provider: CryptoProvider, alice: Uint8Array, bob: Uint8Array): Promise<Holder> {
  const [first, second] = await provider.importSecret(Buffer.concat([alice, bob]))
  if (first === undefined || second === undefined) throw new Error("no keys")
  return { provider, alice: first, bob: second }
}

/** The same keys as files for programs. */
export async function keyFiles(engines: Engines, folder: string): Promise<KeyFiles> {
  const write = async (name: string, bytes: Uint8Array): Promise<string> => {
    await writeFile(join(folder, name), bytes, { mode: 0o600 })
    return join(folder, name)
  }
  const { alice, bob } = engines.openpgpjs
  return {
    alice: await write("alice.pgp", alice.certificate.bytes),
    bob: await write("bob.pgp", bob.certificate.bytes),
    aliceSecret: await write("alice.sec.pgp", engines.aliceTransferable),
    bobSecret: await write("bob.sec.pgp", engines.bobTransferable),
    bobFingerprint: bob.certificate.fingerprint,
  }
}

/** A message that somebody sealed as usual. */
export interface Base {
  readonly how: string
  readonly text: string
  readonly bytes: Uint8Array
  /** Is it one that the fast path must open by itself? */
  readonly narrow: boolean
  /** Undefined: it cannot be taken apart (BZIP2). */
  readonly draft: Draft | undefined
}

const TEXTS: readonly string[] = ["", "x", "<signcrypt xmlns='urn:xmpp:openpgp:0'>ünïcode ☃</signcrypt>"]
/** Around the places where lengths change their form. */
const LENGTHS: readonly number[] = [170, 190, 400, 512, 5_000, 8_400, 20_000]

/** The same texts, sealed by every engine and program there is. */
export async function makeBases(engines: Engines, others: readonly Other[]): Promise<Base[]> {
  const texts = [...TEXTS, ...LENGTHS.map((length) => "Disk almost full.\n".repeat(1_200).slice(0, length))]
  const bases: Base[] = []
  const add = async (base: Omit<Base, "draft">) => {
    const draft = await takeApart(base.bytes, engines.bobTransferable).catch(() => undefined)
    if (draft === undefined && base.narrow) throw new Error(`${base.how}: cannot be taken apart`)
    bases.push({ ...base, draft })
  }
  for (const text of texts) {
    const bytes = new TextEncoder().encode(text)
    for (const { provider, alice, bob } of [engines.openssl, engines.openpgpjs]) {
      const both: Certificate[] = [bob.certificate, alice.certificate]
      for (const recipients of [[bob.certificate], both, [...both].reverse()]) {
        const sealed = await provider.signcrypt(bytes, { recipients, signWith: alice })
        await add({ how: provider.name, text, bytes: sealed, narrow: true })
      }
      const unsigned = await provider.encrypt(bytes, { recipients: [bob.certificate] })
      await add({ how: `${provider.name}, unsigned`, text, bytes: unsigned, narrow: true })
    }
  }
  for (const other of others) {
    // Each is a process of its own: every second text is enough.
    for (const text of texts.filter((one, i) => one !== "" && i % 2 === 0)) {
      for (const made of await other.seal(text)) await add({ ...made, text })
    }
  }
  return bases
}
