import { AurochsError, type CallOptions, isAurochsError, throwIfAborted } from "@aurochs/core"
import { givenLimits, type Limits, type SecretTransfer } from "@aurochs/crypto"
import * as pgp from "openpgp"
import { type Context, momentOf } from "./context.ts"
import { decryptData, joined, known } from "./decrypt.ts"
import { packetsOf } from "./edit.ts"
import { engineConfig, packetList } from "./engine.ts"
import { readEnvelope } from "./envelope.ts"
import { backend, badData, cannotDecrypt, step } from "./errors.ts"
import { boundS2k } from "./s2k.ts"
import { type Keyring, passphraseText, type Unlocked } from "./secrets.ts"

/** Password packets of one message that are tried: each one costs a whole string-to-key computation. */
const MAX_PASSWORD_PACKETS = 4

/** How secret keys leave this provider (XEP-0373 §5.4). */
export function transfer(context: Context, keys: Keyring): SecretTransfer {
  return {
    export: (key, options) => keys.use(key, (unlocked) => exportKey(context, unlocked, options)),
    encryptWithPassword: (plaintext, options) => encryptWithPassword(context, plaintext, options),
    decryptWithPassword: (message, options) => decryptWithPassword(context, message, options),
  }
}

async function exportKey(
  context: Context,
  { checked }: Unlocked,
  options: CallOptions & { readonly passphrase: Uint8Array | "none" },
): Promise<Uint8Array> {
  throwIfAborted(options)
  const key = new pgp.PrivateKey(packetList(packetsOf(checked)))
  if (options.passphrase === "none") return key.write()
  const passphrase = passphraseText(options.passphrase)
  if (passphrase === "") throw badPassword("passphrase")
  const locked = await step(
    () => pgp.encryptKey({ privateKey: key, passphrase, config: context.config }),
    () => backend("locking the key failed"),
  )
  throwIfAborted(options)
  return locked.write()
}

async function encryptWithPassword(
  context: Context,
  plaintext: Uint8Array,
  options: CallOptions & { readonly password: string },
): Promise<Uint8Array> {
  throwIfAborted(options)
  if (options.password === "" || !options.password.isWellFormed()) throw badPassword("password")
  const date = momentOf(context, undefined)
  const message = await pgp.createMessage({ binary: plaintext, date, format: "binary" })
  const { config } = context
  const sealed = await step(
    () => pgp.encrypt({ message, passwords: options.password, format: "binary", config }),
    () => backend("encryption failed"),
  )
  throwIfAborted(options)
  return sealed
}

async function decryptWithPassword(
  context: Context,
  bytes: Uint8Array,
  options: CallOptions & { readonly password: string; readonly limits?: Partial<Limits> | undefined },
): Promise<Uint8Array> {
  throwIfAborted(options)
  const limits = { ...context.limits, ...givenLimits(options.limits) }
  const config = engineConfig(limits)
  const envelope = readEnvelope(bytes, limits)
  if (envelope.kind === "clear") throw badData("message", "it is not encrypted")
  if (envelope.forPasswords.length > MAX_PASSWORD_PACKETS) throw badData("message", "too many passwords", "maxPackets")
  if (envelope.forPasswords.length === 0) throw cannotDecrypt("not-for-us")
  const inside = { config, limits, maxPackets: limits.maxPackets - envelope.packets }
  for (const packet of envelope.forPasswords) boundS2k(packet.body, limits)
  for (const packet of envelope.forPasswords) {
    throwIfAborted(options)
    const whole = joined(packet.bytes, envelope.data.bytes)
    for (const sessionKey of await sessionKeysOf(whole, options.password, config)) {
      const opened = await decryptData(envelope.data, known(sessionKey), inside)
      throwIfAborted(options)
      if (!isAurochsError(opened)) return opened.plaintext
      if (opened.code === "BAD_DATA") throw opened
    }
  }
  // Without a checksum over the session key a wrong password and an altered message look the same.
  throw cannotDecrypt("bad-passphrase")
}

async function sessionKeysOf(
  bytes: Uint8Array,
  password: string,
  config: pgp.Config,
): Promise<readonly pgp.DecryptedSessionKey[]> {
  try {
    const message = await pgp.readMessage({ binaryMessage: bytes, config })
    return await pgp.decryptSessionKeys({ message, passwords: password, config })
  } catch {
    return []
  }
}

function badPassword(field: string): AurochsError<"CONFIGURATION"> {
  return new AurochsError("CONFIGURATION", `the ${field} is empty or not well-formed text`, { field })
}
