import { isAurochsError } from "@aurochs/core"
import type { CryptoProvider, KeyLifecycle, SecretKey, SecretTransfer } from "@aurochs/crypto"
import { expect } from "vitest"
import { type Case, unsupported } from "./case.ts"
import { certificate, concat, failure, first, fromBase64, NOW, newKey, packets, secret, utf8 } from "./crypto-help.ts"
import { childProcesses, eventually, hasPermissions, type Place, pause, temporaryPlace } from "./crypto-place.ts"
import { saidBy, spellings } from "./crypto-said.ts"
import { secretFixtures } from "./fixture-keys.ts"
import { packagingFixtures, sessionKeyFixtures, signatureFixtures } from "./fixture-messages.ts"

const TEXT = "a text that must not appear"
const PASSPHRASE = "a passphrase that must not appear"

/** Runs `work` in a temporary folder of its own. */
async function watched(work: (place: Place) => Promise<void>): Promise<void> {
  using place = temporaryPlace() ?? unsupported("there is no file system here")
  await work(place)
}

/** Of a key that has to be imported; what is searched for where nothing of it may be. */
const secretBytes = () =>
  packets(fromBase64(secretFixtures.bob))
    .find((one) => one.tag === 5)
    ?.body.slice(-34, -2) ?? utf8("")

/** What is done with secret keys, session keys and passwords beside sealing and opening, as far as the engine does it. */
function withSecrets(p: CryptoProvider, bob: SecretKey, signal?: AbortSignal): Promise<unknown>[] {
  const [algorithm = 0, ...key] = fromBase64(sessionKeyFixtures.good)
  const sessionKey = { algorithm, bytes: Uint8Array.from(key) }
  const userId = "xmpp:alice@example.org"
  const calls = [
    p.openWithSessionKey?.(fromBase64(signatureFixtures.good), { signal, sessionKey, verifyWith: [] }),
    p.certifiedBy?.(certificate("alice"), { signal, by: [bob.certificate], userId }),
    p.lifecycle?.certify(certificate("alice"), { signal, signWith: bob, userId }),
    p.lifecycle?.renew(bob, { signal }),
    p.lifecycle && generatedThenRevoked(p, p.lifecycle, signal),
    p.lifecycle?.adopt?.(bob, bob.certificate.bytes, { signal }),
    p.secrets?.export(bob, { signal, passphrase: utf8(PASSPHRASE) }),
    p.secrets?.export(bob, { signal, passphrase: "none" }),
    p.secrets && closedThenOpened(p.secrets, signal),
  ]
  return calls.filter((call) => call !== undefined)
}

/** Of a key of its own: an engine that holds keys would have bob revoked from then on. */
async function generatedThenRevoked(p: CryptoProvider, lifecycle: KeyLifecycle, signal?: AbortSignal): Promise<void> {
  const { key } = await p.generate({ userId: "xmpp:a@example.org" }, { signal })
  await lifecycle.revoke(key, { signal })
}

async function closedThenOpened(secrets: SecretTransfer, signal?: AbortSignal): Promise<void> {
  const sealed = await secrets.encryptWithPassword(utf8(TEXT), { signal, password: PASSPHRASE })
  await secrets.decryptWithPassword(sealed, { signal, password: PASSPHRASE })
}

/** What an engine has, works; but not every program signs without encrypting. */
async function succeed(calls: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(calls)) {
    if (result.status === "rejected" && !isAurochsError(result.reason, "UNSUPPORTED")) throw result.reason
  }
}

/** One call of each kind, of which some succeed, some fail, and some are aborted on their way. */
async function everything(p: CryptoProvider, alice: SecretKey): Promise<void> {
  const recipients = [alice.certificate]
  const bob = await secret(p, "bob")
  const sealed = await p.signcrypt(utf8(TEXT), { recipients, signWith: alice })
  const open = (message: Uint8Array, signal?: AbortSignal) =>
    p.open(message, { signal, decryptWith: [alice], verifyWith: recipients })
  await open(sealed)
  // Not every program signs without encrypting.
  await Promise.allSettled([p.sign(utf8(TEXT), { signWith: alice }).then((signed) => open(signed))])
  await failure(open(sealed.subarray(0, sealed.length - 3)))
  await failure(open(fromBase64(packagingFixtures.toMallory)))
  await failure(p.encrypt(utf8(TEXT), { recipients: [await p.inspect(certificate("expired"))], now: NOW }))
  await failure(p.importSecret(fromBase64(secretFixtures.lockedBob), { passphrase: utf8(PASSPHRASE) }))
  if (p.secrets !== undefined) {
    const password = PASSPHRASE
    await failure(p.secrets.decryptWithPassword(fromBase64(packagingFixtures.passwordOnly), { password }))
  }
  await succeed(withSecrets(p, bob))
  for (const ms of [0, 5, 50]) {
    const controller = new AbortController()
    const { signal } = controller
    const calls = [
      ...(ms === 0 ? [] : withSecrets(p, bob, signal)),
      p.signcrypt(utf8(TEXT), { signal, recipients, signWith: alice }),
      open(sealed, signal),
      p.generate({ userId: "xmpp:a@example.org" }, { signal }),
      p.importSecret(fromBase64(secretFixtures.lockedBob), { signal, passphrase: utf8(PASSPHRASE) }),
    ]
    const settled = Promise.allSettled(calls)
    await pause(ms)
    controller.abort()
    await settled
  }
  await bob[Symbol.asyncDispose]()
}

/** What must not get out of a provider: into files, to other processes, into errors. */
export const leakCases: readonly Case<CryptoProvider>[] = [
  {
    title: "no temporary file is left behind: after success, failure or abort",
    run: (p) =>
      watched(async (place) => {
        const alice = await newKey(p, "alice")
        // What the engine keeps for as long as it lives is there by now.
        await everything(p, alice)
        const before = place.entries()
        await everything(p, alice)
        const asBefore = () => place.entries().join("\n") === before.join("\n")
        if (!(await eventually(asBefore))) expect(place.entries()).toEqual(before)
      }),
  },
  {
    title: "no file that is left holds a text, a passphrase or a secret key",
    run: (p) =>
      watched(async (place) => {
        // Where an engine keeps its keys, it does from the beginning: a homedir, for instance.
        const store = place.entries()
        await everything(p, await newKey(p, "alice"))
        const { fingerprint } = await p.inspect(certificate("bob"))
        const holding = (secrets: readonly Uint8Array[]) => {
          const spelled = secrets.flatMap(spellings)
          return place.files().filter(({ bytes }) => {
            const content = saidBy(bytes)
            return spelled.some((one) => content.includes(one))
          })
        }
        const ofTexts = () => holding([utf8(TEXT), utf8(PASSPHRASE)])
        if (!(await eventually(() => ofTexts().length === 0))) expect(ofTexts().map(({ path }) => path)).toEqual([])
        // An engine that holds its keys has a secret in one file of its store at most, and nowhere else.
        const holds = (await p.secretKey(fingerprint)) !== undefined
        const ofKeys = () => {
          const [one, ...more] = holding([secretBytes()])
          const isStored = holds && one !== undefined && store.includes(one.entry)
          return [...(one === undefined || isStored ? [] : [one]), ...more]
        }
        if (!(await eventually(() => ofKeys().length === 0))) expect(ofKeys().map(({ path }) => path)).toEqual([])
      }),
  },
  {
    title: "while a call runs, nobody else can read its files",
    run: (p) =>
      watched(async (place) => {
        if (!hasPermissions()) unsupported("files have no permissions here")
        const alice = await newKey(p, "alice")
        let running = true
        const work = everything(p, alice).finally(() => {
          running = false
        })
        const seen = new Set<string>()
        while (running) {
          // A file is private if it is closed to others, or any folder around it is.
          for (const { path, modes } of place.files()) {
            if (modes.every((mode) => (mode & 0o077) !== 0)) seen.add(path)
          }
          await pause(1)
        }
        await work
        expect([...seen]).toEqual([])
      }),
  },
  {
    title: "no child process is left behind: after success, failure or abort",
    run: (p) =>
      watched(async () => {
        const before = childProcesses() ?? unsupported("child processes cannot be told here")
        await everything(p, await newKey(p, "alice"))
        const more = () => (childProcesses() ?? []).filter((pid) => !before.includes(pid))
        if (!(await eventually(() => more().length === 0))) expect(more()).toEqual([])
      }),
  },
  {
    title: "errors quote neither the text nor the passphrase nor a secret key",
    async run(p) {
      const passphrase = utf8(PASSPHRASE)
      const alice = await secret(p, "alice")
      const locked = fromBase64(secretFixtures.lockedBob)
      const half = fromBase64(secretFixtures.bob).subarray(0, 120)
      const sealed = await p.encrypt(utf8(TEXT), { recipients: [alice.certificate] })
      const limits = { maxPlaintextBytes: 5 }
      const twice = concat(sealed, sealed)
      const expired = await p.inspect(certificate("expired"))
      const calls: (() => Promise<unknown>)[] = [
        () => p.importSecret(locked, { passphrase }),
        () => p.importSecret(passphrase),
        () => p.importSecret(half),
        () => p.importSecret(fromBase64(secretFixtures.swapped)),
        () => p.encrypt(utf8(TEXT), { recipients: [] }),
        () => p.encrypt(utf8(TEXT), { recipients: [expired], now: NOW }),
        () => p.inspect(utf8(TEXT)),
        () => p.open(utf8(TEXT), { decryptWith: [alice], verifyWith: [] }),
        () => p.open(sealed, { decryptWith: [alice], verifyWith: [], limits }),
        () => p.open(twice, { decryptWith: [alice], verifyWith: [] }),
        () => p.sign(utf8(TEXT), { signWith: { ...alice } }),
      ]
      const secrets = [utf8(TEXT), passphrase, secretBytes()].flatMap(spellings)
      if (p.secrets !== undefined) {
        const { decryptWithPassword } = p.secrets
        const message = fromBase64(packagingFixtures.passwordOnly)
        calls.push(() => decryptWithPassword(message, { password: PASSPHRASE }))
      }
      for (const call of calls) {
        const said = saidBy(await failure(call()))
        expect(secrets.filter((one) => said.includes(one))).toEqual([])
      }
    },
  },
  {
    title: "a secret key handle shows nothing of the secret, neither as JSON nor to whoever walks through it",
    async run(p) {
      const handles = await p.importSecret(fromBase64(secretFixtures.bob))
      const said = `${saidBy(handles)}\n${JSON.stringify(handles)}`
      expect(said).toContain(first(handles).certificate.fingerprint)
      expect(spellings(secretBytes()).filter((one) => said.includes(one))).toEqual([])
    },
  },
  {
    title: "an error about a session key does not quote it",
    async run(p) {
      const open = p.openWithSessionKey ?? unsupported("the engine opens nothing with a session key alone")
      const [, ...bytes] = fromBase64(sessionKeyFixtures.forged)
      const key = Uint8Array.from(bytes)
      const message = fromBase64(signatureFixtures.good)
      for (const sessionKey of [
        { algorithm: 9, bytes: key },
        { algorithm: 99, bytes: key },
        { algorithm: 7, bytes: key },
      ]) {
        const said = saidBy(await failure(open.call(p, message, { sessionKey, verifyWith: [] })))
        expect(spellings(key).filter((one) => said.includes(one))).toEqual([])
      }
    },
  },
  {
    title: "the bytes of a secret key can be wiped after import",
    async run(p) {
      const bytes = fromBase64(secretFixtures.bob)
      const bob = first(await p.importSecret(bytes))
      bytes.fill(0)
      const opened = await p.open(fromBase64(signatureFixtures.good), { decryptWith: [bob], verifyWith: [] })
      expect(opened.encrypted).toBe(true)
    },
  },
]
