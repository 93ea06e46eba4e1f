import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { armor, dearmor } from "../src/armor.ts"
import { type Framed, frame, readPackets, tag, writePackets } from "../src/packets.ts"

const bounds = { maxPackets: 64 }

const vectors = new URL("../../../vectors/", import.meta.url)
const golden = (file: string) => new Uint8Array(readFileSync(new URL(file, vectors)))

describe("vectors/packets", () => {
  const expected: Readonly<Record<string, readonly string[]>> = JSON.parse(
    readFileSync(new URL("packets/frames.json", vectors), "utf8"),
  )

  it.each(Object.entries(expected))("%s: the packets that GnuPG finds", (file, lines) => {
    const bytes = file.endsWith(".xml") ? payloadOf(file) : golden(file)
    const all = frame(bytes, bounds)
    if (typeof all === "string") throw new Error(all)
    expect(all.map(likeGnupg)).toEqual(lines.map((line) => line.replace(/ ctb=\S+| new-ctb/g, "")))
    expect(all.at(-1)?.end).toBe(bytes.length)
  })

  it("pieces are put together: the text that GnuPG was given", () => {
    const text = new TextEncoder().encode("aurochs\n".repeat(2_500))
    const [literal, ...others] = readAll(golden("packets/partial-gnupg.pgp"))
    expect([literal?.tag, literal?.length, others.length]).toEqual([tag.literal, "partial", 0])
    const named = literal?.body[1] ?? 0
    expect(literal?.body.subarray(6 + named)).toEqual(text)
  })

  it("in which format a certificate was written makes no difference", () => {
    const gnupg = readAll(golden("captures/keys/alice.pub.gpg"))
    const anew = writePackets(gnupg)
    expect(anew).not.toEqual(golden("captures/keys/alice.pub.gpg"))
    expect(readAll(anew).map((one) => one.body)).toEqual(gnupg.map((one) => one.body))
  })
})

describe("vectors/packets: armor", () => {
  const certificate = golden("captures/keys/alice.pub.gpg")

  it("GnuPG's armor is read, and written character by character, checksum included", () => {
    const gnupg = golden("packets/alice-gnupg.asc")
    expect(dearmor(gnupg, "PUBLIC KEY BLOCK")).toEqual(certificate)
    expect(armor("PUBLIC KEY BLOCK", certificate)).toBe(new TextDecoder().decode(gnupg))
  })

  it("gosop's, with header lines, holds the same packets with other headers", () => {
    const read = dearmor(golden("packets/alice-gosop.asc"))
    const ours = readPackets(certificate, { maxPackets: 10 })
    if (typeof read === "string" || typeof ours === "string") throw new Error("not read")
    expect(read).toEqual(writePackets(ours))
  })
})

function readAll(bytes: Uint8Array) {
  const packets = readPackets(bytes, bounds)
  if (typeof packets === "string") throw new Error(packets)
  return packets
}

/** As `gpg --list-packets` says it: it counts of a length that is not definite only what stands first. */
function likeGnupg({ tag: type, start, bodyStart, end, length: kind }: Framed): string {
  const size = kind === "definite" ? `plen=${end - bodyStart}` : `plen=0 ${kind}`
  return `off=${start} tag=${type} hlen=${bodyStart - start} ${size}`
}

function payloadOf(file: string): Uint8Array {
  const [, base64 = ""] = /<openpgp[^>]*>([^<]*)</.exec(Buffer.from(golden(file)).toString()) ?? []
  return new Uint8Array(Buffer.from(base64, "base64"))
}
