import { rmSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { UsageError } from "@aurochs/cli-kit"
import type { CallOptions } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import { openpgpjs, openpgpjsAvailable } from "@aurochs/crypto-openpgpjs"
import { type GlobalOptions, userPath } from "./global.ts"
import { remark } from "./output.ts"

// Engines other than the usual one are loaded when they are named: every command starts faster without them.
const gnupgPackage = () => import("@aurochs/crypto-gnupg")
const opensslPackage = () => import("@aurochs/crypto-openssl")
const sopPackage = () => import("@aurochs/crypto-sop")

/** An OpenPGP engine that was opened for one command; disposing it stops and removes what it needed. */
export interface Engine extends AsyncDisposable {
  readonly provider: CryptoProvider
}

/** Can an engine be used on this machine? */
export type Availability =
  | {
      readonly usable: true
      readonly version: string
      /** Of a Stateless OpenPGP program. False: it cannot tell a forgery from a signature by an unknown key. */
      readonly sessionKeys?: boolean
    }
  | { readonly usable: false; readonly because: string }

interface Backend {
  /** What it is, for people. */
  readonly about: string
  check(options: CallOptions): Promise<Availability>
  open(options: GlobalOptions): Promise<Engine>
}

/** Stateless OpenPGP programs that `aurochs backends` looks for; `--backend sop:PROGRAM` takes any. */
const SOP_PROGRAMS = ["sqop", "gosop", "pgpainless-cli", "rsop"] as const

const backends: Readonly<Record<string, Backend>> = {
  openpgpjs: {
    about: "OpenPGP.js",
    check: async () => openpgpjsAvailable(),
    open: async () => held(openpgpjs()),
  },
  openssl: {
    about: "OpenSSL for usual messages, OpenPGP.js for the others",
    check: async () => (await opensslPackage()).opensslAvailable(),
    open: async () => held((await opensslPackage()).openssl({ fallback: openpgpjs() })),
  },
  gnupg: {
    about: "GnuPG and its agent, also for smart cards",
    check: async (options) => (await gnupgPackage()).gnupgAvailable(options),
    open: openGnupg,
  },
  ...Object.fromEntries(SOP_PROGRAMS.map((program) => [`sop:${program}`, sopBackend(program)])),
}

/** The engines that are known by name, with what each is. */
export function knownEngines(): readonly { readonly name: string; readonly about: string }[] {
  return Object.entries(backends).map(([name, { about }]) => ({ name, about }))
}

/** @param name one of {@link knownEngines}, or `sop:PROGRAM` */
export async function engineAvailability(name: string, options: CallOptions = {}): Promise<Availability> {
  return backendNamed(name).check(options)
}

/**
 * Opens the engine that `--backend` names.
 *
 * @throws {UsageError} unknown, or not usable here, with the reason
 */
export async function openEngine(options: GlobalOptions): Promise<Engine> {
  return backendNamed(options.backend).open(options)
}

function backendNamed(name: string): Backend {
  const known = Object.hasOwn(backends, name) ? backends[name] : undefined
  const program = /^sop:(.+)$/.exec(name)?.[1]
  const found = known ?? (program === undefined ? undefined : sopBackend(program))
  if (found !== undefined) return found
  throw new UsageError(
    `--backend ${name} is not known; there is: ${Object.keys(backends).join(", ")}, sop:PROGRAM. aurochs backends says which can be used here.`,
  )
}

function held(provider: CryptoProvider, dispose: () => Promise<void> = async () => {}): Engine {
  return { provider, [Symbol.asyncDispose]: dispose }
}

/** Without a folder of the user's, GnuPG works in one that is gone afterwards: the keys stay where they were. */
async function openGnupg(options: GlobalOptions): Promise<Engine> {
  const { gnupg, gnupgAvailable } = await gnupgPackage()
  const available = await gnupgAvailable()
  if (!available.usable) throw new UsageError(`--backend gnupg cannot be used here: ${available.because}.`)
  const certificates = openpgpjs()
  if (options.gnupgHome !== undefined) {
    const provider = gnupg({ homedir: userPath(options.gnupgHome), certificates })
    return held(provider, async () => {
      await provider[Symbol.asyncDispose]()
    })
  }
  const homedir = await mkdtemp(join(tmpdir(), "aurochs-gnupg-"))
  // Secret keys are in it: a command that is interrupted takes it away, too.
  const remove = () => removeNow(homedir)
  process.on("exit", remove)
  // As slow as can be said: else the agent takes seconds to find out by itself.
  await writeFile(join(homedir, "gpg-agent.conf"), "s2k-count 65011712\n")
  const provider = gnupg({ homedir, certificates })
  return held(provider, async () => {
    try {
      await provider[Symbol.asyncDispose]()
    } finally {
      await rm(homedir, { recursive: true, force: true, maxRetries: 5 })
      process.off("exit", remove)
    }
  })
}

/** Attempts and milliseconds between them. */
const ATTEMPTS = 40
const PAUSE_MS = 25

/** Removes a folder while this process ends: synchronously, and also while something in it comes and goes. */
function removeNow(path: string): void {
  for (let i = 0; i < ATTEMPTS; i++) {
    try {
      rmSync(path, { recursive: true, force: true })
      return
    } catch {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
    }
  }
}

/** What that means for whoever names such a program. */
export const TELLS_NO_SESSION_KEYS =
  "tells no session keys: it only says that a signature is valid, so what is signed by a key that is not known here looks like a forgery"

function sopBackend(program: string): Backend {
  return {
    about: "a Stateless OpenPGP program",
    check: async (options) => (await sopPackage()).sopAvailable({ program, ...options }),
    async open() {
      const { sop, sopAvailable } = await sopPackage()
      const available = await sopAvailable({ program })
      if (!available.usable) throw new UsageError(`--backend sop:${program} cannot be used here: ${available.because}.`)
      if (!available.sessionKeys) remark(`sop:${program} ${TELLS_NO_SESSION_KEYS}`)
      return held(sop({ program, certificates: openpgpjs(), sessionKeys: available.sessionKeys }))
    },
  }
}
