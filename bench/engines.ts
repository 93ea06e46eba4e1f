import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { CryptoProvider } from "@aurochs/crypto"
import { gnupg } from "@aurochs/crypto-gnupg"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openssl } from "@aurochs/crypto-openssl"
import { sop } from "@aurochs/crypto-sop"
import { programOr } from "@aurochs/debian-programs"
import * as openpgp from "openpgp"
import { limitOpen, limitSeal } from "./limit.ts"
import { bobOf, certificatesOf, type People } from "./people.ts"

/** One engine with the keys of {@link People}, ready to be measured. */
export interface Engine extends AsyncDisposable {
  /** From Alice to the first `n` and to herself: signs and encrypts the plaintext once. */
  seal(n: number): () => unknown
  /** Bob opens the message and looks who signed it; fails if it was not Alice. */
  open(message: Uint8Array): () => unknown
}

/** How one side of `seal` and `open` comes to be. */
export interface EngineSide {
  readonly side: string
  /** @returns why it cannot be measured here, if it cannot */
  make(people: People): Promise<Engine | string>
}

/** Ephemeral keys that `openssl-ahead` has made on Node's thread pool, each used once: those of a few messages. */
export const KEYS_AHEAD = 64

/** Every engine that is measured. A new one is one line. */
export const engineSides: readonly EngineSide[] = [
  {
    side: "limit",
    make: async () => ({ seal: limitSeal, open: () => limitOpen(), async [Symbol.asyncDispose]() {} }),
  },
  { side: "openssl", make: (people) => ofProvider(openssl({ fallback: openpgpjs() }), people) },
  {
    side: "openssl-ahead",
    make: (people) => ofProvider(openssl({ fallback: openpgpjs(), ephemeralKeysAhead: KEYS_AHEAD }), people),
  },
  { side: "openpgpjs-raw", make: rawOpenpgpjs },
  { side: "openpgpjs", make: (people) => ofProvider(openpgpjs(), people) },
  { side: "gnupg", make: ofGnupg },
  { side: "sop:sqop", make: (people) => ofSop("sqop", people) },
  { side: "sop:gosop", make: (people) => ofSop("gosop", people) },
]

/** Whatever is a crypto provider. */
export async function ofProvider(provider: CryptoProvider, people: People): Promise<Engine> {
  const [alice] = await provider.importSecret(people.alice.secret)
  const [bob] = await provider.importSecret(bobOf(people).secret)
  if (alice === undefined || bob === undefined) throw new Error("a key was not imported")
  const verifyWith = [people.alice.certificate]
  return {
    seal(n) {
      const recipients = certificatesOf(people, n)
      return () => provider.signcrypt(people.plaintext, { recipients, signWith: alice })
    },
    open: (message) => async () => {
      const { signatures } = await provider.open(message, { decryptWith: [bob], verifyWith })
      if (signatures[0]?.kind !== "valid") throw new Error(`${provider.name}: not signed by Alice`)
    },
    async [Symbol.asyncDispose]() {
      await alice[Symbol.asyncDispose]()
      await bob[Symbol.asyncDispose]()
    },
  }
}

async function ofGnupg(people: People): Promise<Engine | string> {
  const gpg = await programOr("gpg", "gnupg")
  if (gpg.missing !== undefined) return gpg.missing
  const homedir = await mkdtemp(join(tmpdir(), "aurochs-bench-"))
  const provider = gnupg({ homedir, certificates: openpgpjs(), program: gpg.path })
  const engine = await ofProvider(provider, people)
  return {
    ...engine,
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]()
      await provider[Symbol.asyncDispose]()
      await rm(homedir, { recursive: true, force: true })
    },
  }
}

async function ofSop(program: string, people: People): Promise<Engine | string> {
  const found = await programOr(program, program)
  if (found.missing !== undefined) return found.missing
  return ofProvider(sop({ program: found.path, env: found.env, certificates: openpgpjs() }), people)
}

/** OpenPGP.js as a program would call it that keeps its keys in memory. */
async function rawOpenpgpjs(people: People): Promise<Engine> {
  const alice = await openpgp.readPrivateKey({ binaryKey: people.alice.secret })
  const bob = await openpgp.readPrivateKey({ binaryKey: bobOf(people).secret })
  const verificationKeys = await openpgp.readKey({ binaryKey: people.alice.certificate.bytes })
  const all = people.recipients.length
  const read = certificatesOf(people, all).map(({ bytes }) => openpgp.readKey({ binaryKey: bytes }))
  const keys = await Promise.all(read)
  return {
    seal(n) {
      const encryptionKeys = [...keys.slice(0, n), ...keys.slice(-1)]
      return async () => {
        const message = await openpgp.createMessage({ binary: people.plaintext })
        return openpgp.encrypt({ message, encryptionKeys, signingKeys: alice, format: "binary" })
      }
    },
    open: (binaryMessage) => async () => {
      const message = await openpgp.readMessage({ binaryMessage })
      const opened = await openpgp.decrypt({ message, decryptionKeys: bob, verificationKeys, format: "binary" })
      await opened.signatures[0]?.verified
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** Runs `work` with every engine that is there, and disposes of them. */
export async function* withEngines<T>(
  people: People,
  skipped: (side: string, because: string) => void,
  work: (engines: ReadonlyMap<string, Engine>) => AsyncIterable<T>,
  sides: readonly EngineSide[] = engineSides,
): AsyncIterable<T> {
  await using stack = new AsyncDisposableStack()
  const engines = new Map<string, Engine>()
  for (const { side, make } of sides) {
    const made = await make(people).catch((error: unknown) => String(error))
    if (typeof made === "string") skipped(side, made)
    else engines.set(side, stack.use(made))
  }
  yield* work(engines)
}
