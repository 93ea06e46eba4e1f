import { exitCodes, setExitCode, UsageError } from "@aurochs/cli-kit"
import {
  type BareJid,
  childElements,
  type Delivery,
  isAurochsError,
  sameBareJid,
  toBareJid,
  type XmlElement,
} from "@aurochs/core"
import { blindBeforeVerification } from "@aurochs/keys"
import { open } from "@aurochs/message"
import { namespaces, parseDateTime, parseXml, serializeXml } from "@aurochs/xml"
import type { Argv } from "yargs"
import { readInput } from "./files.ts"
import { type GlobalOptions, jidArgument, type PassphraseOptions, passphraseOptions } from "./global.ts"
import { secretKeys } from "./own-keys.ts"
import { knownKeys } from "./seal.ts"
import { openWorld } from "./world.ts"

/** Bound on a stanza on standard input, in bytes. */
const MAX_STANZA_BYTES = 1_048_576

type Options = GlobalOptions &
  PassphraseOptions & {
    as: string
    cert?: string[] | undefined
    from?: string | undefined
    to?: string | undefined
    now?: string | undefined
  }

/** `aurochs open` */
export function openCommand(program: Argv<GlobalOptions>): Argv<GlobalOptions> {
  return program.command(
    "open",
    "Decrypt and verify a <message/> on standard input; needs no network and writes nothing. Prints one JSON object",
    (y) =>
      passphraseOptions(y)
        .option("as", { type: "string", demandOption: true, describe: "Bare JID that received it; its key is here" })
        .option("cert", {
          type: "string",
          array: true,
          nargs: 1,
          describe: "Certificate of the sender, counts as announced; may be repeated",
        })
        .option("from", { type: "string", describe: "The sender; by default the stanza's from" })
        .option("to", { type: "string", describe: "The recipient; by default the stanza's to" })
        .option("now", { type: "string", describe: "Judge as of this time, e.g. 2026-11-23T02:14:40Z" })
        .example("$0 open --as me@example.org --cert you.pgp < stanza.xml", "exit code 0 if it is secure, 3 if not"),
    (options) => openMessage(options),
  )
}

async function openMessage(options: Options): Promise<void> {
  const account = jidArgument("--as", options.as)
  const now = options.now === undefined ? undefined : readTime(options.now)
  const input = await readInput(MAX_STANZA_BYTES)
  const parsed = readStanza(input, options)
  if (!("stanza" in parsed)) return report({ kind: "rejected", ...parsed })
  await using world = await openWorld(options, "read")
  // Plaintext needs no key, and must be told from a message that cannot be opened.
  const keys = claimsOpenpgp(parsed.stanza) ? await secretKeys(world, account, options) : []
  const moment = now ?? world.clock.now()
  const own = sameBareJid(parsed.stanza.attributes.from ?? "", account)
  const sender = own ? account : senderOf(parsed.stanza)
  const keysOf = sender === undefined ? [] : await knownKeys(world.provider, sender, options.cert ?? [], moment)
  if (own) {
    for (const { certificate } of keys) {
      if (keysOf.some((key) => key.fingerprint === certificate.fingerprint)) continue
      keysOf.push({
        ...certificate,
        owner: account,
        firstSeen: moment,
        source: "own",
        binds: "account",
        announced: true,
        approval: "verified",
      })
    }
  }
  const delivery: Delivery = { stanza: parsed.stanza, via: own ? "carbon-sent" : "live", kept: () => {} }
  const result = await open(delivery, {
    account,
    provider: world.provider,
    decryptWith: keys,
    keysOf,
    trust: blindBeforeVerification(),
    now: moment,
  })
  if (result === undefined) throw new UsageError("This stanza carries no message: no <openpgp/> and no <body/>.")
  report(result)
}

/** XEP-0373 §3.1, or said by XEP-0380. */
function claimsOpenpgp(stanza: XmlElement): boolean {
  return (
    childElements(stanza, "openpgp", namespaces.openpgp).length > 0 ||
    childElements(stanza, "encryption", namespaces.eme).length > 0
  )
}

type Report = { readonly kind: string } & Readonly<Record<string, unknown>>

function report(result: Report | Exclude<Awaited<ReturnType<typeof open>>, undefined>): void {
  const r: Report = { ...result }
  const payload = Array.isArray(r.payload) ? r.payload.map((child: XmlElement) => serializeXml(child)) : undefined
  const error = isAurochsError(r.error)
    ? { code: r.error.code, message: r.error.message, details: r.error.details }
    : undefined
  const { kind, body, signedBy, writtenAt, check, reason, notes, unverifiedBody, issuer, peer, trust } = r
  const shown = {
    kind,
    body,
    payload,
    signedBy,
    writtenAt,
    check,
    reason,
    notes: notes ?? [],
    unverifiedBody,
    issuer,
    peer,
    trust,
    error,
  }
  process.stdout.write(`${JSON.stringify(shown)}\n`)
  setExitCode(kind === "rejected" || kind === "unverified" ? exitCodes.notVerified : exitCodes.done)
}

function readTime(text: string): Date {
  try {
    return parseDateTime(text)
  } catch {
    throw new UsageError(`--now ${text} is no time; write it as 2026-11-23T02:14:40Z.`)
  }
}

/** The stanza with `--from` and `--to` put over its own addresses; a stanza that cannot be read is a verdict, too. */
function readStanza(
  input: Uint8Array,
  options: Options,
): { stanza: XmlElement } | { check: "syntax" | "limit"; error: unknown } {
  try {
    const stanza = parseXml(input, { maxBytes: MAX_STANZA_BYTES })
    const from = options.from === undefined ? {} : { from: jidArgument("--from", options.from) }
    const to = options.to === undefined ? {} : { to: jidArgument("--to", options.to) }
    return { stanza: { ...stanza, attributes: { ...stanza.attributes, ...from, ...to } } }
  } catch (error) {
    if (!isAurochsError(error, "BAD_DATA") || error.details.what !== "xml") throw error
    return { check: error.details.limit === undefined ? "syntax" : "limit", error }
  }
}

function senderOf(stanza: XmlElement): BareJid | undefined {
  const { from } = stanza.attributes
  if (from === undefined) return undefined
  try {
    return toBareJid(from)
  } catch {
    return undefined
  }
}
