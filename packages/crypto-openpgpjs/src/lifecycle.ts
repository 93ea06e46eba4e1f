import { type CallOptions, type Certificate, throwIfAborted } from "@aurochs/core"
import type { At, KeyLifecycle, SecretKey } from "@aurochs/crypto"
import * as pgp from "openpgp"
import { boundCertificate } from "./bounds.ts"
import type { Checked, Held, KeyPacket } from "./checked.ts"
import { held } from "./checked.ts"
import { hasSecret, isSecret } from "./choose.ts"
import { type Context, checkingConfig, momentOf, readCertificate } from "./context.ts"
import { packetsOf, united, written } from "./edit.ts"
import { makeSignature, packetList, type SignatureFields, type SignedData } from "./engine.ts"
import { backend, badData, step } from "./errors.ts"
import { secondsOf } from "./generate.ts"
import { hasFlag, newest, primarySelf, primaryUnfit, revokedAt, userStatus } from "./judge.ts"
import { noUsableKey } from "./seal.ts"
import { certificateOf, checkedSecret, type Keyring, type Unlocked } from "./secrets.ts"

/** What a primary key does to its own certificate and to others. */
export function lifecycle(context: Context, keys: Keyring): KeyLifecycle {
  return {
    revoke: (key, options) => keys.use(key, (unlocked) => revoke(context, unlocked, options ?? {})),
    renew: (key, options) => keys.use(key, (unlocked) => renew(context, keys, unlocked, options ?? {})),
    certify: (certificate, options) =>
      keys.use(options.signWith, (unlocked) => certify(context, unlocked, certificate, options)),
    adopt: (key, certificate, options) =>
      keys.use(key, (unlocked) => adopt(context, keys, unlocked, certificate, options)),
  }
}

const { reasonForRevocation, signature: kinds } = pgp.enums

const REASONS: Readonly<Record<string, number>> = {
  compromised: reasonForRevocation.keyCompromised,
  superseded: reasonForRevocation.keySuperseded,
  retired: reasonForRevocation.keyRetired,
}

async function revoke(
  context: Context,
  { key, checked }: Unlocked,
  options: CallOptions & At & { readonly reason?: string | undefined },
): Promise<Certificate> {
  throwIfAborted(options)
  const at = momentOf(context, options)
  const primary = secretPrimary(checked)
  const flag = REASONS[options.reason ?? ""]
  const fields: SignatureFields = {
    reasonForRevocationFlag: flag ?? reasonForRevocation.noReason,
    reasonForRevocationString: flag === undefined ? (options.reason ?? "") : "",
  }
  const packet = await made(context, kinds.keyRevocation, primary, { key: primary }, fields, at)
  throwIfAborted(options)
  const { bytes } = certificateOf(key)
  const full = await readCertificate(context, bytes, options)
  return written({ ...full, revocations: [...full.revocations, { ...held(packet), hard: true }] })
}

async function renew(
  context: Context,
  keys: Keyring,
  { checked }: Unlocked,
  options: CallOptions & At & { readonly expiresInMs?: number | undefined },
): Promise<SecretKey> {
  throwIfAborted(options)
  const now = momentOf(context, options)
  const at = now.getTime()
  if (revokedAt(checked.revocations, at) !== undefined) throw noUsableKey([{ key: checked, because: "revoked" }])
  const primary = secretPrimary(checked)
  const seconds = secondsOf(options.expiresInMs)
  const again = async <T extends Held>(old: T | undefined, kind: pgp.enums.signature, data: SignedData) => {
    if (old === undefined) return []
    // Later than the one it replaces, also within the same second.
    const date = new Date(Math.max(at, old.createdAt + 1000))
    const packet = await made(
      context,
      kind,
      primary,
      data,
      { ...copied(old.packet), ...expiry(at, seconds, data) },
      date,
    )
    return [{ ...old, ...held(packet) }]
  }
  const users = await Promise.all(
    checked.users.map(async (user) => {
      if (user.text === undefined || userStatus(user, at) !== "valid") return user
      const data = { key: primary, userID: user.packet as pgp.UserIDPacket }
      return { ...user, self: [...user.self, ...(await again(newest(user.self, at), kinds.certPositive, data))] }
    }),
  )
  const subkeys = await Promise.all(
    checked.subkeys.map(async (subkey) => {
      if (revokedAt(subkey.revocations, at) !== undefined) return subkey
      const data = { key: primary, bind: subkey.packet }
      const renewed = await again(newest(subkey.bindings, at), kinds.subkeyBinding, data)
      return { ...subkey, bindings: [...subkey.bindings, ...renewed] }
    }),
  )
  const direct = [...checked.direct, ...(await again(newest(checked.direct, at), kinds.key, { key: primary }))]
  throwIfAborted(options)
  return keys.add(await ownCopy(context, { ...checked, direct, users, subkeys }))
}

/** What the certificate says goes onto the secret packets; a subkey that is not here stays away. */
async function adopt(
  context: Context,
  keys: Keyring,
  { key, checked }: Unlocked,
  certificate: Uint8Array,
  options: CallOptions | undefined,
): Promise<SecretKey> {
  const other = await readCertificate(context, certificate, options)
  if (other.fingerprint !== checked.fingerprint) throw badData("certificate", "it is another key's")
  const both = united(await readCertificate(context, certificateOf(key).bytes, options), other)
  const secretOf = (packet: KeyPacket) =>
    checked.subkeys.find((one) => one.packet.getFingerprint() === packet.getFingerprint())?.packet
  const subkeys = both.subkeys.flatMap((subkey) => {
    const packet = secretOf(subkey.packet)
    return packet === undefined ? [] : [{ ...subkey, packet }]
  })
  throwIfAborted(options)
  return keys.add(await ownCopy(context, { ...both, primary: checked.primary, subkeys }))
}

/** Serialized and read again: two handles must not share memory that one of them wipes. */
async function ownCopy(context: Context, changed: Checked): Promise<Unlocked> {
  const bytes = new pgp.PrivateKey(packetList(packetsOf(changed))).write()
  const key = await step(
    () => pgp.readPrivateKey({ binaryKey: bytes, config: context.config }),
    () => backend("the changed key cannot be read"),
  )
  return checkedSecret(context, key)
}

function copied(old: pgp.SignaturePacket): SignatureFields {
  const { keyFlags, features, isPrimaryUserID, embeddedSignature } = old
  const { preferredSymmetricAlgorithms, preferredHashAlgorithms, preferredCompressionAlgorithms } = old
  return {
    keyFlags,
    features,
    isPrimaryUserID,
    embeddedSignature,
    preferredSymmetricAlgorithms,
    preferredHashAlgorithms,
    preferredCompressionAlgorithms,
  }
}

/** The expiration subpacket counts from the key's creation (RFC 9580 §5.2.3.13), `seconds` from now. */
function expiry(at: number, seconds: number | undefined, data: SignedData): SignatureFields {
  if (seconds === undefined || !("key" in data)) return {}
  const age = Math.ceil((at - (data.bind ?? data.key).created.getTime()) / 1000)
  return { keyNeverExpires: false, keyExpirationTime: Math.max(1, age + seconds) }
}

async function certify(
  context: Context,
  { checked }: Unlocked,
  certificate: Uint8Array,
  options: CallOptions & At & { readonly userId: string },
): Promise<Certificate> {
  const target = await readCertificate(context, certificate, options)
  const now = momentOf(context, options)
  const unfit = primaryUnfit(checked, now.getTime(), now.getTime(), context.config)
  const self = primarySelf(checked, now.getTime(), "valid")
  const may = self !== undefined && hasFlag(self.self.packet, pgp.enums.keyFlags.certifyKeys)
  if (unfit !== undefined || !may) throw noUsableKey([{ key: checked, because: unfit ?? "no-certify-flag" }])
  const signer = secretPrimary(checked)
  if (target.fingerprint === checked.fingerprint) throw badData("certificate", "a key does not certify itself")
  const user = target.users.find((one) => one.text === options.userId && userStatus(one, now.getTime()) === "valid")
  if (user === undefined) throw badData("certificate", "it does not carry this User ID with a valid self-signature")
  const data = { key: target.primary, userID: user.packet as pgp.UserIDPacket }
  const packet = await made(context, kinds.certGeneric, signer, data, {}, now)
  throwIfAborted(options)
  const users = target.users.map((one) => (one === user ? { ...one, others: [...one.others, packet] } : one))
  const result = written({ ...target, users })
  boundCertificate(result.bytes, context.limits)
  return result
}

function secretPrimary(key: Checked): pgp.SecretKeyPacket {
  if (!isSecret(key.primary) || !hasSecret(key.primary)) {
    throw noUsableKey([{ key, because: "no-secret-primary-key" }])
  }
  return key.primary as pgp.SecretKeyPacket
}

function made(
  context: Context,
  kind: pgp.enums.signature,
  by: pgp.AnySecretKeyPacket,
  data: SignedData,
  fields: SignatureFields,
  at: Date,
): Promise<pgp.SignaturePacket> {
  return step(
    () => makeSignature(kind, by, data, fields, at, checkingConfig(context)),
    () => backend("signing failed"),
  )
}
