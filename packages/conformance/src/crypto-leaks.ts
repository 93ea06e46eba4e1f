import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
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

/** One call of each kind, of which some succeed, some fail, and some are aborted on their way. */
async function everything(p: CryptoProvider, alice: SecretKey): Promise<void> {
  const recipients = [alice.certificate]
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
  for (const ms of [0, 5, 50]) {
    const controller = new AbortController()
    const { signal } = controller
    const calls = [
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
    title: "no file that is left holds a text or a passphrase",
    run: (p) =>
      watched(async (place) => {
        await everything(p, await newKey(p, "alice"))
        const spelled = [TEXT, PASSPHRASE].flatMap((one) => spellings(utf8(one)))
        const telling = () =>
          place.files().filter(({ bytes }) => {
            const content = saidBy(bytes)
            return spelled.some((one) => content.includes(one))
          })
        if (!(await eventually(() => telling().length === 0))) {
          expect(telling().map(({ path }) => path)).toEqual([])
        }
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
      const key = packets(fromBase64(secretFixtures.bob))
        .find((one) => one.tag === 5)
        ?.body.slice(-34, -2)
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
      const secrets = [utf8(TEXT), passphrase, key ?? utf8("")].flatMap(spellings)
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
      const key = packets(fromBase64(secretFixtures.bob))
        .find((one) => one.tag === 5)
        ?.body.slice(-34, -2)
      const handles = await p.importSecret(fromBase64(secretFixtures.bob))
      const said = `${saidBy(handles)}\n${JSON.stringify(handles)}`
      expect(said).toContain(first(handles).certificate.fingerprint)
      expect(spellings(key ?? utf8("")).filter((one) => said.includes(one))).toEqual([])
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
