import { readFile } from "node:fs/promises"
import { UsageError } from "@aurochs/cli-kit"
import { decodeBase64 } from "@aurochs/xml"
import { userPath } from "./global.ts"

/** Largest key or certificate file that is read, in bytes. */
const MAX_FILE_BYTES = 4 * 1024 * 1024

/**
 * Reads a key or certificate file: binary, armored, or bare Base64.
 *
 * @returns the binary OpenPGP data
 * @throws {UsageError} if it is none of these
 */
export async function readOpenpgpFile(file: string): Promise<Uint8Array> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(userPath(file))
  } catch {
    throw new UsageError(`${file} cannot be read.`)
  }
  if (bytes.length > MAX_FILE_BYTES) throw new UsageError(`${file} is larger than any key.`)
  const binary = dearmor(bytes)
  if (binary === undefined) throw new UsageError(`${file} is no OpenPGP file: binary, armored or Base64 is read.`)
  return binary
}

/** OpenPGP data in whichever of the three forms; undefined if it is none. */
export function dearmor(bytes: Uint8Array): Uint8Array | undefined {
  // Every packet header has its highest bit set (RFC 9580 §4.2); armor and Base64 are ASCII.
  if (((bytes[0] ?? 0) & 0x80) !== 0) return bytes
  const text = new TextDecoder().decode(bytes)
  const blocks = [...text.matchAll(/-----BEGIN PGP ([A-Z ]+)-----\r?\n([\s\S]*?)-----END PGP \1-----/g)]
  const parts = blocks.length > 0 ? blocks.map((block) => armorBody(block[2] ?? "")) : [text]
  try {
    const decoded = parts.map(decodeBase64)
    const all = new Uint8Array(decoded.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of decoded) {
      all.set(part, at)
      at += part.length
    }
    return ((all[0] ?? 0) & 0x80) !== 0 ? all : undefined
  } catch {
    return undefined
  }
}

/** RFC 9580 §6.2: headers up to the first empty line, then Base64, then perhaps a checksum line. */
function armorBody(block: string): string {
  const lines = block.split(/\r?\n/)
  const empty = lines.findIndex((line) => line.trim() === "")
  return lines
    .slice(empty === -1 ? 0 : empty + 1)
    .filter((line) => !/^=[A-Za-z0-9+/]{4}\s*$/.test(line))
    .join("\n")
}

/**
 * ASCII armor (RFC 9580 §6.2), for people and mail; nothing else here uses it.
 *
 * @param type e.g. `PUBLIC KEY BLOCK`
 */
export function armor(type: "PUBLIC KEY BLOCK" | "PRIVATE KEY BLOCK", bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN PGP ${type}-----\n\n${lines.join("\n")}\n=${checksum(bytes)}\n-----END PGP ${type}-----\n`
}

/** CRC-24 (RFC 9580 §6.1.1): optional, but GnuPG 2.2 likes it. */
function checksum(bytes: Uint8Array): string {
  let crc = 0xb704ce
  for (const byte of bytes) {
    crc ^= byte << 16
    for (let i = 0; i < 8; i++) {
      crc <<= 1
      if (crc & 0x1000000) crc ^= 0x1864cfb
    }
  }
  return Buffer.from([(crc >> 16) & 255, (crc >> 8) & 255, crc & 255]).toString("base64")
}

/** Everything on standard input. */
export async function readInput(maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of process.stdin) {
    size += chunk.length
    if (size > maxBytes) throw new UsageError(`Standard input is longer than ${maxBytes} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
