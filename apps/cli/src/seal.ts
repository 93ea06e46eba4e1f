import { UsageError } from "@aurochs/cli-kit"
import {
  AurochsError,
  type BareJid,
  childElements,
  isAurochsError,
  type KnownKey,
  type XmlElement,
} from "@aurochs/core"
import { chooseKeys, judgeKeys, pinned } from "@aurochs/keys"
import { openpgpBytesOf, seal, textBody } from "@aurochs/message"
import { namespaces, parseXml, serializeXml } from "@aurochs/xml"
import type { Argv } from "yargs"
import { readInput, readOpenpgpFile } from "./files.ts"
import { type GlobalOptions, jidArgument, type PassphraseOptions, passphraseOptions } from "./global.ts"
import { remark, writeOut } from "./output.ts"
import { usableKeys } from "./own-keys.ts"
import { openWorld, type World } from "./world.ts"

/** Bound on payload XML on standard input, in bytes. */
const MAX_PAYLOAD_BYTES = 204_800

/** `aurochs seal` */
export function sealCommand(program: Argv<GlobalOptions>): Argv<GlobalOptions> {
  return program.command(
    "seal",
    "Sign and encrypt a message; needs no network. Prints the whole <message/>",
    (y) =>
      passphraseOptions(y)
        .option("from", { type: "string", demandOption: true, describe: "Bare JID whose key is here" })
        .option("to", { type: "string", demandOption: true, describe: "Bare JID of the recipient" })
        .option("cert", {
          type: "string",
          array: true,
          nargs: 1,
          demandOption: true,
          describe: "Certificate of the recipient; may be repeated",
        })
        .option("body", { type: "string", describe: "Text; else payload XML on standard input" })
        .option("raw", { type: "boolean", default: false, describe: "Print the binary OpenPGP message instead" })
        .example("$0 seal --from me@example.org --to you@example.org --cert you.pgp --body hello", "a whole stanza")
        .example("echo \"<body xmlns='jabber:client'>hi</body>\" | $0 seal --from … --to … --cert …", "payload XML"),
    (options) => sealMessage(options),
  )
}

async function sealMessage(
  options: GlobalOptions &
    PassphraseOptions & { from: string; to: string; cert: string[]; body?: string | undefined; raw: boolean },
): Promise<void> {
  const from = jidArgument("--from", options.from)
  const to = jidArgument("--to", options.to)
  await using world = await openWorld(options, "read")
  const { current, usable } = await usableKeys(world, from, options)
  const payload =
    options.body === undefined ? readPayload(await readInput(MAX_PAYLOAD_BYTES)) : [textBody(options.body)]
  const { provider, clock, random } = world
  const stanza = await seal(payload, {
    from,
    to,
    toKeys: await recipientKeys(world, to, options.cert),
    signWith: current,
    alsoTo: usable,
    provider,
    now: clock.now(),
    random,
  })
  if (options.raw) {
    await writeOut(openpgpBytesOf(stanza) ?? new Uint8Array())
    return
  }
  await writeOut(`${serializeXml(stanza)}\n`)
}

/** The children of `<payload>…</payload>` as XML: one element, or several side by side. */
function readPayload(bytes: Uint8Array): XmlElement[] {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    const wrapper = parseXml(
      `<payload xmlns='${namespaces.client}'>${text.replace(/^\s*<\?xml[^>]*\?>/, "")}</payload>`,
    )
    const children = childElements(wrapper)
    if (children.length > 0) return children
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA") || error instanceof TypeError) {
      throw new UsageError(
        `The payload on standard input is no well-formed XML; for plain text use --body. (${error.message})`,
      )
    }
    throw error
  }
  throw new UsageError("The payload on standard input has no element; for plain text use --body.")
}

/** The given certificates that may be encrypted to; the others are named. */
async function recipientKeys({ provider, clock }: World, owner: BareJid, files: readonly string[]) {
  const known = await knownKeys(provider, owner, files, clock.now())
  const trust = pinned(known.map((key) => key.fingerprint))
  const judged = await judgeKeys({ owner, known, provider, trust, now: clock.now() })
  const { use, leftOut } = chooseKeys(judged)
  if (use.length === 0) {
    throw new AurochsError("NO_USABLE_KEY", `no certificate given may be encrypted to for ${owner}`, { owner, leftOut })
  }
  for (const key of leftOut) remark(`left out ${key.fingerprint}: ${key.because}`)
  return use
}

/**
 * Certificate files as the announced keys of an account.
 *
 * @throws {AurochsError} `BAD_DATA` if one is no certificate
 */
export async function knownKeys(
  provider: World["provider"],
  owner: BareJid,
  files: readonly string[],
  now: Date,
): Promise<KnownKey[]> {
  const known: KnownKey[] = []
  for (const file of files) {
    const { fingerprint, bytes } = await provider.inspect(await readOpenpgpFile(file), { now })
    if (known.some((key) => key.fingerprint === fingerprint)) continue
    known.push({
      owner,
      fingerprint,
      bytes,
      firstSeen: now,
      source: "config",
      binds: "account",
      announced: true,
      approval: "none",
    })
  }
  return known
}
