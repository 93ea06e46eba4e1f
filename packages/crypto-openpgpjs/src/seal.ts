import { AurochsError, type CallOptions, type Certificate, throwIfAborted } from "@aurochs/core"
import type { At, SecretKey } from "@aurochs/crypto"
import * as pgp from "openpgp"
import type { Checked } from "./checked.ts"
import { encryptionKey, momentFor, narrowed, narrowedSecret, signingKey } from "./choose.ts"
import { type Context, momentOf, readCertificate } from "./context.ts"
import { backend, type LeftOut, step } from "./errors.ts"
import { ownerOf, UNKNOWN_OWNER } from "./inspect.ts"
import type { Keyring, Unlocked } from "./secrets.ts"

/** What a sealing call may ask for: recipients, a signer, or both. */
export type SealOptions = CallOptions &
  At & { readonly recipients?: readonly Certificate[] | undefined; readonly signWith?: SecretKey | undefined }

/**
 * Signs if there is a signer, then encrypts if there are recipients: SEIPDv1, AES-256, no compression, binary.
 *
 * @throws {AurochsError} `NO_USABLE_KEY`, `BAD_DATA` (`certificate`), `BACKEND`, `ABORTED`
 */
export async function seal(
  context: Context,
  keys: Keyring,
  plaintext: Uint8Array,
  options: SealOptions,
): Promise<Uint8Array> {
  throwIfAborted(options)
  const now = momentOf(context, options)
  const recipients = options.recipients && (await readRecipients(context, options.recipients, options))
  const chosen = recipients && chooseRecipients(context, recipients, now)
  const { signWith } = options
  let message = await literal(plaintext, now)
  if (signWith !== undefined) message = await keys.use(signWith, (unlocked) => signed(context, message, unlocked, now))
  throwIfAborted(options)
  const sealed = chosen === undefined ? message.write() : await encrypted(context, message, chosen)
  throwIfAborted(options)
  if (!(sealed instanceof Uint8Array)) throw backend("the engine answered with a stream")
  return sealed
}

type Text = pgp.Message<Uint8Array>

/** The bytes as they are: not text, so that no line ending is touched. */
function literal(plaintext: Uint8Array, now: Date): Promise<Text> {
  return pgp.createMessage({ binary: plaintext, date: now, format: "binary" })
}

async function readRecipients(
  context: Context,
  recipients: readonly Certificate[],
  options: CallOptions,
): Promise<readonly Checked[]> {
  const checked = await Promise.all(recipients.map((one) => readCertificate(context, one.bytes, options)))
  // The same certificate twice would be one session key packet too many.
  return checked.filter((one, i) => checked.findIndex((other) => other.fingerprint === one.fingerprint) === i)
}

interface Chosen {
  readonly keys: readonly pgp.PublicKey[]
  readonly moment: Date
}

function chooseRecipients(context: Context, recipients: readonly Checked[], now: Date): Chosen {
  const keys: pgp.PublicKey[] = []
  const unfit: { key: Checked; because: string }[] = []
  let moment = now
  for (const key of recipients) {
    const usable = encryptionKey(key, now.getTime(), context.config)
    if (typeof usable === "string") {
      unfit.push({ key, because: usable })
      continue
    }
    keys.push(narrowed(usable, key))
    const earliest = momentFor(usable, now)
    if (earliest > moment) moment = earliest
  }
  if (unfit.length > 0 || keys.length === 0) throw noUsableKey(unfit)
  return { keys, moment }
}

/** `NO_USABLE_KEY`, naming every key that may not be used. */
export function noUsableKey(unfit: readonly { key: Checked; because: string }[]): AurochsError<"NO_USABLE_KEY"> {
  const leftOut: LeftOut[] = unfit.map(({ key, because }) => ({ fingerprint: key.fingerprint, because }))
  const owner = unfit[0] === undefined ? UNKNOWN_OWNER : ownerOf(unfit[0].key)
  const why = leftOut.map((one) => `${one.fingerprint}: ${one.because}`).join(", ") || "no certificate was given"
  return new AurochsError("NO_USABLE_KEY", `not every key may be used: ${why}`, { owner, leftOut })
}

async function signed(context: Context, message: Text, { checked }: Unlocked, now: Date): Promise<Text> {
  const usable = signingKey(checked, now.getTime(), context.config)
  if (typeof usable === "string") throw noUsableKey([{ key: checked, because: usable }])
  return step(
    () =>
      pgp.sign({
        message,
        signingKeys: narrowedSecret(usable, checked),
        date: momentFor(usable, now),
        format: "object",
        config: context.config,
      }),
    () => backend("signing failed"),
  )
}

async function encrypted(context: Context, message: Text, { keys, moment }: Chosen): Promise<Uint8Array> {
  // A session key of our own: otherwise the recipients' preferences could choose AES-128 or SEIPDv2.
  const data = globalThis.crypto.getRandomValues(new Uint8Array(32))
  try {
    return await step(
      () =>
        pgp.encrypt({
          message,
          encryptionKeys: [...keys],
          sessionKey: { data, algorithm: "aes256" },
          date: moment,
          format: "binary",
          config: context.config,
        }),
      () => backend("encryption failed"),
    )
  } finally {
    data.fill(0)
  }
}
