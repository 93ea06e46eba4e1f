import { writeFile } from "node:fs/promises"
import { UsageError } from "@aurochs/cli-kit"
import type { Argv } from "yargs"
import { userPath } from "./global.ts"

/** Options of commands that show a QR code. */
export interface QrOptions {
  readonly qr: boolean
  readonly qrFile?: string | undefined
}

/** Adds {@link QrOptions}. */
export function qrOptions<T>(program: Argv<T>) {
  return program
    .option("qr", { type: "boolean", default: false, describe: "Show the fingerprint as a QR code" })
    .option("qr-file", { type: "string", describe: "Write it to this file, .png or .svg" })
}

/** Shows the text as a QR code on standard error, so that output stays clean, or writes it to a file. */
export async function showQr(text: string, { qr, qrFile }: QrOptions): Promise<void> {
  if (!qr && qrFile === undefined) return
  const { default: QRCode } = await import("qrcode")
  if (qr) process.stderr.write(`${await QRCode.toString(text, { type: "terminal", small: true })}${text}\n`)
  if (qrFile === undefined) return
  const file = userPath(qrFile)
  if (qrFile.endsWith(".svg")) await writeFile(file, await QRCode.toString(text, { type: "svg" }))
  else if (qrFile.endsWith(".png")) await writeFile(file, await QRCode.toBuffer(text, { type: "png" }))
  else throw new UsageError("--qr-file FILE has to end in .png or .svg.")
}
