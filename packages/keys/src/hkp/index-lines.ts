import { AurochsError, type Fingerprint, fingerprint } from "@aurochs/core"

/** One key of a key server's index. */
export interface IndexEntry {
  /** Fingerprint, or a key ID of 16 hex digits where the server tells no more. */
  readonly id: string
  readonly fingerprint?: Fingerprint | undefined
  readonly userIds: readonly string[]
}

/**
 * Reads the machine-readable index (draft-ietf-openpgp-hkp §4.2, draft-shaw-openpgp-hkp §5.2): `pub:` lines, each with
 * the `uid:` lines that follow it. What cannot be read is left out.
 *
 * @throws {AurochsError} `BAD_DATA` (`payload`) if it is no index at all: a page must not pass for "nothing"
 */
export function readIndex(text: string): IndexEntry[] {
  const entries: { id: string; fingerprint?: Fingerprint; userIds: string[] }[] = []
  if (text.trim() !== "" && !/^(?:info|pub):/m.test(text)) {
    throw new AurochsError("BAD_DATA", "not the index of a key server", { what: "payload" })
  }
  let current: (typeof entries)[number] | undefined
  for (const line of text.split(/\r?\n/)) {
    const [kind, value = ""] = line.split(":")
    if (kind === "pub") {
      current = entry(value)
      if (current !== undefined) entries.push(current)
    }
    const userId = kind === "uid" ? unescaped(value) : undefined
    if (userId !== undefined) current?.userIds.push(userId)
  }
  return entries
}

function entry(value: string): { id: string; fingerprint?: Fingerprint; userIds: string[] } | undefined {
  if (!/^[0-9A-Fa-f]{16}([0-9A-Fa-f]{24}|[0-9A-Fa-f]{48})?$/.test(value)) return undefined
  const id = value.toUpperCase()
  return id.length === 16 ? { id, userIds: [] } : { id, fingerprint: fingerprint(id), userIds: [] }
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
