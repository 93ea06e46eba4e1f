import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isAurochsError } from "@aurochs/core"
import type { CryptoProvider, Opened } from "@aurochs/crypto"
import { type Mutation, mutations } from "./mutations.ts"
import { type Base, type Engines, type Holder, keyFiles, makeBases, makeEngines } from "./people.ts"
import { gnupg, type Other, otherPrograms, type Reading, sqop } from "./programs.ts"
import { type Seeded, seeded } from "./random.ts"
import { putTogether } from "./sealed.ts"

/** How much is run. */
export interface Options {
  readonly seed: number
  /** Messages that `crypto-openssl` and OpenPGP.js both open. */
  readonly count: number
  /** How many of them gpg and sqop open besides; 0: neither program is used. */
  readonly sample: number
  /** Takes the place of `crypto-openssl`'s provider: to see that a wrong one is found. */
  readonly plant?: ((good: CryptoProvider) => CryptoProvider) | undefined
}

/** Two implementations that do not say the same of one message. */
export interface Disagreement {
  readonly with: "openpgpjs" | "gpg" | "sqop"
  readonly what: "valid here, refused there" | "another text" | "refused here, valid there" | "another outcome"
  readonly base: string
  readonly mutations: readonly string[]
  /** Base64 of the message. */
  readonly message: string
  /** Base64 of the certificate and the secret key of this run that belong to it; they are used nowhere else. */
  readonly alice: string
  readonly bobSecret: string
}

/** What a run found. */
export interface Figures {
  readonly seed: number
  /** Of the programs that took part. */
  readonly versions: readonly string[]
  readonly messages: number
  /** Whole usual messages, before anything was done to them. */
  readonly unaltered: number
  /** Of all messages: those whose outcome the fast path decided, and those that it left to the fallback. */
  readonly decided: number
  readonly handedOn: number
  /** Messages that OpenPGP.js finds valid. */
  readonly valid: number
  readonly compared: Readonly<Record<"openpgpjs" | "gpg" | "sqop", number>>
  readonly disagreements: readonly Disagreement[]
  /** Why gpg and sqop were not used, if they were wanted. */
  readonly withoutPrograms?: string
}

interface Message {
  readonly base: Base
  readonly mutations: readonly Mutation[]
  readonly bytes: Uint8Array
  readonly narrow: boolean
}

/** Generated and altered messages, opened by `crypto-openssl` and by others. */
export async function runDifferential(options: Options): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), "aurochs-differential-"))
  const engines = await makeEngines(options.plant)
  const programs = options.sample > 0 ? await otherPrograms() : "not asked for"
  const others: Other[] = []
  try {
    if (typeof programs !== "string") {
      const keys = await keyFiles(engines, folder)
      others.push(await gnupg(programs, folder, keys), await sqop(programs, folder, keys))
    }
    const figures = await compareAll(engines, others, options)
    return options.sample > 0 && typeof programs === "string" ? { ...figures, withoutPrograms: programs } : figures
  } finally {
    for (const other of others) await other.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function compareAll(engines: Engines, others: readonly Other[], options: Options): Promise<Figures> {
  const random = seeded(options.seed)
  const bases = await makeBases(engines, others)
  const disagreements: Disagreement[] = []
  const sampled: { readonly message: Message; readonly ours: Outcome; readonly decided: boolean }[] = []
  let [decidedCount, validCount] = [0, 0]
  const every = Math.max(1, Math.floor(options.count / Math.max(1, options.sample)))
  for (let i = 0; i < options.count; i++) {
    const message = messageOf(bases, i, random)
    const before = engines.handedOn()
    const ours = await outcomeOf(engines.openssl, message.bytes)
    const decided = engines.handedOn() === before
    const theirs = await outcomeOf(engines.openpgpjs, message.bytes)
    if (decided) decidedCount++
    if (theirs.valid) validCount++
    const note = (other: Disagreement["with"], what: Disagreement["what"] | undefined) => {
      if (what !== undefined) disagreements.push(disagreement(engines, message, other, what))
    }
    note("openpgpjs", theirs.whole === ours.whole ? undefined : difference(ours, theirs))
    note("openpgpjs", message.narrow && !decided ? "refused here, valid there" : undefined)
    // What we sealed, as it is, besides an even choice of everything.
    const isOurs = message.mutations.length === 0 && message.base.how === "openssl" && i % 2 === 0
    const isChosen = others.length > 0 && (isOurs || i % every === 0) && sampled.length < options.sample
    if (isChosen) sampled.push({ message, ours, decided })
  }
  const compared = { openpgpjs: options.count, gpg: 0, sqop: 0 }
  for (const other of others) {
    const readings = await other.read(sampled.map(({ message }) => message.bytes))
    for (const [i, reading] of readings.entries()) {
      const one = sampled[i]
      if (one === undefined || one.message.base.how.includes("unsigned")) continue
      compared[other.name]++
      const what = against(reading, one.ours, one.decided, one.message.narrow)
      if (what !== undefined) disagreements.push(disagreement(engines, one.message, other.name, what))
    }
  }
  return {
    seed: options.seed,
    versions: others.map(({ version }) => version),
    messages: options.count,
    unaltered: Math.min(bases.length, options.count),
    decided: decidedCount,
    handedOn: options.count - decidedCount,
    valid: validCount,
    compared,
    disagreements,
  }
}

/** First every base as it is, then changed ones. */
function messageOf(bases: readonly Base[], i: number, random: Seeded): Message {
  const unaltered = bases[i]
  if (unaltered !== undefined) {
    return { base: unaltered, mutations: [], bytes: unaltered.bytes, narrow: unaltered.narrow }
  }
  const base = random.pick(bases.filter((one) => one.draft !== undefined))
  const applied: Mutation[] = []
  let made: NonNullable<Base["draft"]> | Buffer = base.draft ?? Buffer.from(base.bytes)
  for (let left = 1 + random.below(3); left > 0 && !Buffer.isBuffer(made); left--) {
    const mutation = random.pick(mutations)
    applied.push(mutation)
    made = mutation.apply(made, random)
  }
  const bytes = Buffer.isBuffer(made) ? made : putTogether(made)
  return { base, mutations: applied, bytes, narrow: base.narrow && applied.every(({ narrow }) => narrow) }
}

/** What became of a message. */
interface Outcome {
  /** Everything, for comparison. */
  readonly whole: string
  /** One valid signature of alice's. */
  readonly valid: boolean
  readonly text: string | undefined
}

async function outcomeOf({ provider, alice, bob }: Holder, message: Uint8Array): Promise<Outcome> {
  try {
    const opened = await provider.open(message, { decryptWith: [bob], verifyWith: [alice.certificate] })
    const valid = opened.signatures.length > 0 && opened.signatures.every(({ kind }) => kind === "valid")
    return { whole: textOf(opened), valid, text: new TextDecoder().decode(opened.plaintext) }
  } catch (error) {
    if (!isAurochsError(error)) throw error
    return { whole: JSON.stringify([error.code, error.details]), valid: false, text: undefined }
  }
}

function textOf({ plaintext, ...rest }: Opened): string {
  return JSON.stringify({ ...rest, plaintext: Buffer.from(plaintext).toString("base64") })
}

function difference(ours: Outcome, theirs: Outcome): Disagreement["what"] {
  if (ours.valid !== theirs.valid) return ours.valid ? "valid here, refused there" : "refused here, valid there"
  return ours.text === theirs.text ? "another outcome" : "another text"
}

/** Of a program only what the fast path decided, or should have decided, says something of it. */
function against(reading: Reading, ours: Outcome, decided: boolean, narrow: boolean): Disagreement["what"] | undefined {
  if (reading === "refused") return decided && ours.valid ? "valid here, refused there" : undefined
  if (!ours.valid) return narrow ? "refused here, valid there" : undefined
  return !decided || reading.text === ours.text ? undefined : "another text"
}

function disagreement(
  { openpgpjs, bobTransferable }: Engines,
  message: Message,
  other: Disagreement["with"],
  what: Disagreement["what"],
): Disagreement {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64")
  return {
    with: other,
    what,
    base: message.base.how,
    mutations: message.mutations.map(({ name }) => name),
    message: base64(message.bytes),
    alice: base64(openpgpjs.alice.certificate.bytes),
    bobSecret: base64(bobTransferable),
  }
}
