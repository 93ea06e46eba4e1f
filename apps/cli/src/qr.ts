import { writeFile } from "node:fs/promises"
import { UsageError } from "@aurochs/cli-kit"
import type { BareJid, Fingerprint } from "@aurochs/core"
import { fingerprintUri, trustUri } from "@aurochs/keys"
import type { Argv } from "yargs"
import { userPath } from "./global.ts"

/** Options of commands that show a QR code. */
export interface QrOptions {
  readonly qr: boolean
  readonly qrFile?: string | undefined
  readonly qrAs: "xmpp" | "openpgp4fpr"
}

/** Adds {@link QrOptions}. */
export function qrOptions<T>(program: Argv<T>) {
  return program
    .option("qr", { type: "boolean", default: false, describe: "Show the fingerprint as a QR code" })
    .option("qr-file", { type: "string", describe: "Write it to this file, .png or .svg" })
    .option("qr-as", {
      choices: ["xmpp", "openpgp4fpr"] as const,
      default: "xmpp" as const,
      describe: "The URI in it: address and fingerprints (XEP-0434), or one fingerprint as OpenKeychain reads it",
    })
}

/**
 * Shows keys as a QR code on standard error, so that output stays clean, or writes it to a file.
 *
 * @param prints at least one
 * @throws {UsageError} several, where only one has room
 */
export async function showQr(
  owner: BareJid,
  prints: readonly Fingerprint[],
  { qr, qrFile, qrAs }: QrOptions,
): Promise<void> {
  if (!qr && qrFile === undefined) return
  const [first, ...others] = prints
  if (qrAs === "openpgp4fpr" && (first === undefined || others.length > 0)) {
    throw new UsageError(`--qr-as openpgp4fpr: ${owner} has ${prints.length} keys in use, and there is room for one.`)
  }
  const text = qrAs === "openpgp4fpr" && first !== undefined ? fingerprintUri(first) : trustUri(owner, prints)
  const { default: QRCode } = await import("qrcode")
  if (qr) process.stderr.write(`${await QRCode.toString(text, { type: "terminal", small: true })}${text}\n`)
  if (qrFile === undefined) return
  const file = userPath(qrFile)
  if (qrFile.endsWith(".svg")) await writeFile(file, await QRCode.toString(text, { type: "svg" }))
  else if (qrFile.endsWith(".png")) await writeFile(file, await QRCode.toBuffer(text, { type: "png" }))
  else throw new UsageError("--qr-file FILE has to end in .png or .svg.")
}
