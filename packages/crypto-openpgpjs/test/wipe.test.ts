import * as pgp from "openpgp"
import { expect, test } from "vitest"
import { openpgpjs } from "../src/index.ts"
import { keyring, type Unlocked } from "../src/secrets.ts"

/** A key, and a look at the memory of its secret parts. */
async function unlocked(): Promise<{ all: Unlocked; secrets: Uint8Array[] }> {
  const provider = openpgpjs()
  const { key } = await provider.generate({ userId: "xmpp:juliet@example.org" })
  const bytes = (await provider.secrets?.export(key, { passphrase: "none" })) ?? new Uint8Array()
  const read = await pgp.readPrivateKey({ binaryKey: bytes })
  const parameters = read.getKeys().map(({ keyPacket }) => (keyPacket as pgp.SecretKeyPacket).privateParams ?? {})
  const secrets = parameters.flatMap((one) => Object.values(one)).filter((value) => value instanceof Uint8Array)
  return { all: { key: read } as Unlocked, secrets }
}

const isWiped = (secret: Uint8Array) => secret.every((byte) => byte === 0)

test("the bytes of a secret key are overwritten when its handle is disposed", async () => {
  const { all, secrets } = await unlocked()
  const handle = keyring().add(all)
  expect(secrets).toHaveLength(2)
  expect(secrets.some(isWiped)).toBe(false)
  await handle[Symbol.asyncDispose]()
  expect(secrets.every(isWiped)).toBe(true)
})

test("not before the call that uses them is over", async () => {
  const { all, secrets } = await unlocked()
  const keys = keyring()
  const handle = keys.add(all)
  const work = Promise.withResolvers<void>()
  const using = keys.use(handle, () => work.promise)
  await handle[Symbol.asyncDispose]()
  expect(secrets.some(isWiped)).toBe(false)
  work.resolve()
  await using
  expect(secrets.every(isWiped)).toBe(true)
})
