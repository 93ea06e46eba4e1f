import { UsageError } from "@aurochs/cli-kit"
import {
  AurochsError,
  type BareJid,
  type Fingerprint,
  formatFingerprint,
  isAurochsError,
  type KnownKey,
  sameBareJid,
} from "@aurochs/core"
import { decideKey, type KeyUri, readKeyUri, type TrustWord } from "@aurochs/keys"
import type { Argv } from "yargs"
import {
  type GlobalOptions,
  jidArgument,
  type NetworkOptions,
  type PassphraseOptions,
  passphraseOptions,
  passwordOptions,
} from "./global.ts"
import { fingerprintArgument, trusting } from "./life.ts"
import { print } from "./output.ts"
import { tellTrust } from "./tell-trust.ts"
import { accountFor, openWorld } from "./world.ts"

type Approval = KnownKey["approval"]

/** What is to be said of which keys. */
interface Said {
  readonly owner: BareJid
  readonly keys: readonly { readonly fingerprint: Fingerprint; readonly approval: Approval }[]
}

/** `aurochs contact trust|distrust` */
export function contactTrustCommands<T extends GlobalOptions>(program: Argv<T>): Argv<T> {
  const named = <U>(y: Argv<U>) =>
    passwordOptions(passphraseOptions(y))
      .option("tell", {
        type: "boolean",
        default: false,
        describe: "Say so to your other clients, and to a contact you verified which other keys are yours (XEP-0450)",
      })
      .positional("jid", { type: "string", demandOption: true, describe: "Bare JID, or an xmpp: URI from a QR code" })
      .positional("fingerprint", { type: "string", describe: "Or an openpgp4fpr: URI; not needed with an xmpp: URI" })
  return program
    .command(
      "trust <jid> [fingerprint]",
      "Say that you compared this fingerprint with its owner",
      (y) =>
        named(y)
          .option("distrust", { type: "boolean", default: false, describe: "Never use this key" })
          .option("undo", { type: "boolean", default: false, describe: "Take back what was said of it" }),
      (options) => say(options, options.undo ? "none" : options.distrust ? "distrusted" : "verified"),
    )
    .command(
      "distrust <jid> [fingerprint]",
      "Never use this key",
      (y) => named(y),
      (options) => say(options, "distrusted"),
    )
}

async function say(
  options: NetworkOptions & PassphraseOptions & { jid: string; fingerprint?: string | undefined; tell: boolean },
  approval: Approval,
): Promise<void> {
  const { owner, keys } = said(options.jid, options.fingerprint, approval)
  if (options.tell && approval === "none") throw new UsageError("--tell: there is no message that takes a word back.")
  await using opened = await openWorld(options)
  const account = await accountFor(options, opened.storage)
  const world = await trusting(opened, account, options)
  if (world.keys === undefined && keys.some((key) => key.approval === "verified")) throw nothingVouches(account)
  const { storage, clock } = world
  const known = await Array.fromAsync(storage.keys.keysOf(owner))
  for (const { fingerprint } of keys) {
    if (known.some((key) => key.fingerprint === fingerprint)) continue
    throw new UsageError(
      `${owner} has no known key with this fingerprint; aurochs contact lookup ${owner} reads the announced ones.`,
    )
  }
  for (const key of keys) {
    await decideKey({ account, owner, ...key, keys: storage.keys, audit: storage.audit, clock })
    print(
      options.json,
      { owner, ...key },
      `${owner} ${formatFingerprint(key.fingerprint)}: ${key.approval === "none" ? "undecided" : key.approval}`,
    )
  }
  if (!options.tell) return
  const words = keys.map(({ fingerprint, approval: said }): TrustWord => {
    return { owner, fingerprint, says: said === "distrusted" ? "distrust" : "trust" }
  })
  await tellTrust(world, account, words, options)
}

/** Anybody could have written it, so it would not be believed later. */
function nothingVouches(account: BareJid): AurochsError<"NO_USABLE_KEY"> {
  const text = `${account} has no key here that could authenticate what you say of others' keys: aurochs key generate --jid ${account} makes one, aurochs key import FILE --jid ${account} brings one`
  return new AurochsError("NO_USABLE_KEY", text, { owner: account, leftOut: [] })
}

/** An address with a fingerprint, or a URI that has both; whoever gives a URI here has confirmed it (XEP-0434 §8.1.1). */
function said(jid: string, print: string | undefined, approval: Approval): Said {
  if (/^xmpp:.*\?/is.test(jid)) {
    const uri = readUri(jid)
    if (print !== undefined || uri.owner === undefined) throw new UsageError("An xmpp: URI stands alone.")
    const keys = uri.trust.map((fingerprint) => ({ fingerprint, approval }))
    const others = uri.distrust.map((fingerprint) => ({ fingerprint, approval: "distrusted" as const }))
    return { owner: uri.owner, keys: approval === "verified" ? [...keys, ...others] : keys }
  }
  const owner = jidArgument("jid", jid)
  if (print === undefined) throw new UsageError("Give the fingerprint, or the xmpp: URI of a QR code in place of both.")
  if (!/^[a-z0-9]+:/i.test(print)) return { owner, keys: [{ fingerprint: fingerprintArgument(print), approval }] }
  const uri = readUri(print)
  if (uri.owner !== undefined && !sameBareJid(uri.owner, owner)) {
    throw new UsageError(`This URI is of ${uri.owner}, not of ${owner}.`)
  }
  return { owner, keys: uri.trust.map((fingerprint) => ({ fingerprint, approval })) }
}

function readUri(text: string): KeyUri {
  try {
    return readKeyUri(text)
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) throw new UsageError(`${error.message}.`)
    throw error
  }
}
