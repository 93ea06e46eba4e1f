import { type BareJid, type Fingerprint, isAurochsError } from "@aurochs/core"
import type { CertificateInfo } from "@aurochs/crypto"
import type { Found, KeyDirectory, Missing } from "@aurochs/keys"
import { expect } from "vitest"
import { type Case, describeCases, type SuiteOptions, unsupported } from "./case.ts"

/** A directory with nothing of `owner` in it yet. */
export interface KeyDirectorySubject extends AsyncDisposable {
  readonly directory: KeyDirectory
  /** Whose keys this directory may publish. */
  readonly owner: BareJid
  /** Two or more certificates of that owner, in their smallest form. */
  readonly certificates: readonly CertificateInfo[]
  /**
   * For sources that only read: makes exactly these certificates what the source has for the owner, as somebody else
   * would, before the directory was first asked. Sources that publish do without.
   */
  readonly stock?: ((certificates: readonly CertificateInfo[]) => Promise<void>) | undefined
}

type PublishingDirectory = KeyDirectory & Required<Pick<KeyDirectory, "publish" | "retract">>

interface Publishing {
  readonly directory: PublishingDirectory
  readonly owner: BareJid
  readonly first: CertificateInfo
  readonly second: CertificateInfo
}

function canPublish(directory: KeyDirectory): directory is PublishingDirectory {
  return directory.publish !== undefined && directory.retract !== undefined
}

const readingCases: readonly Case<KeyDirectorySubject>[] = [
  {
    title: "an account without keys has nothing: empty, not an error",
    async run({ directory, owner }) {
      expect(await all(directory.lookup({ owner }))).toEqual([])
    },
  },
  {
    title: "an aborted lookup rejects with ABORTED",
    async run({ directory, owner }) {
      const lookup = all(directory.lookup({ owner }, { signal: AbortSignal.abort() }))
      await expect(lookup).rejects.toSatisfy((error) => isAurochsError(error, "ABORTED"))
    },
  },
  {
    title: "an aborted lookup by fingerprint rejects with ABORTED",
    async run({ directory, owner, certificates: [first] }) {
      const query = { owner, fingerprint: first?.fingerprint }
      const lookup = all(directory.lookup(query, { signal: AbortSignal.abort() }))
      await expect(lookup).rejects.toSatisfy((error) => isAurochsError(error, "ABORTED"))
    },
  },
  {
    title: "a source that does not ask the account's own servers says what it tells to whom, others do not",
    async run({ directory }) {
      if (directory.notice !== undefined) expect(directory.notice).toMatch(/^[a-z]+: \S.{20,}/s)
      expect(directory.name).toMatch(/\S/)
    },
  },
  stocked("what is there is found byte for byte, with the directory's name and what it binds", async (s) => {
    await s.stock([s.first])
    expect(await all(s.directory.lookup({ owner: s.owner }))).toEqual([
      expect.objectContaining({ bytes: expect.any(Uint8Array), source: s.directory.name, binds: expect.any(String) }),
    ])
    expect(await found(s)).toEqual([hex(s.first.bytes)])
  }),
  stocked("a lookup by the fingerprint of what is there gives it, by another one nothing", async (s) => {
    await s.stock([s.first])
    expect(await found(s, s.first.fingerprint)).toEqual([hex(s.first.bytes)])
    expect(await found(s, s.second.fingerprint)).toEqual([])
  }),
  stocked("leaving the loop of a lookup early leaves the source usable", async (s) => {
    await s.stock([s.first])
    for await (const _ of s.directory.lookup({ owner: s.owner })) break
    expect(await found(s)).toEqual([hex(s.first.bytes)])
  }),
]

const publishingCases: readonly Case<KeyDirectorySubject>[] = [
  publishing("what was published is found byte for byte, with the directory's name", async (s) => {
    await s.directory.publish(s.first)
    const items = await all(s.directory.lookup({ owner: s.owner }))
    expect(items).toEqual([
      expect.objectContaining({ bytes: expect.any(Uint8Array), source: s.directory.name, binds: expect.any(String) }),
    ])
    expect(await found(s)).toEqual([hex(s.first.bytes)])
  }),
  publishing("a second key stands beside the first (R52)", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.publish(s.second)
    expect(await found(s)).toEqual([hex(s.first.bytes), hex(s.second.bytes)].sort())
  }),
  publishing("publishing again changes nothing: no key twice (R31)", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.publish(s.first)
    expect(await found(s)).toEqual([hex(s.first.bytes)])
  }),
  publishing("a lookup by fingerprint gives that key only", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.publish(s.second)
    expect(await found(s, s.second.fingerprint)).toEqual([hex(s.second.bytes)])
  }),
  publishing("a lookup by a fingerprint that is not there gives nothing", async (s) => {
    await s.directory.publish(s.first)
    expect(await found(s, s.second.fingerprint)).toEqual([])
  }),
  publishing("retracting takes out that key only", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.publish(s.second)
    await s.directory.retract(s.first.fingerprint)
    expect(await found(s)).toEqual([hex(s.second.bytes)])
  }),
  publishing("retracting the last key leaves nothing", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.retract(s.first.fingerprint)
    expect(await found(s)).toEqual([])
  }),
  publishing("retracting what is not there is no error", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.retract(s.second.fingerprint)
    expect(await found(s)).toEqual([hex(s.first.bytes)])
  }),
  publishing("a key that was retracted can be published again", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.retract(s.first.fingerprint)
    await s.directory.publish(s.first)
    expect(await found(s)).toEqual([hex(s.first.bytes)])
  }),
  publishing("a certificate under another one's fingerprint is refused with BAD_DATA", async (s) => {
    const swapped = { ...s.first, fingerprint: s.second.fingerprint }
    await expect(s.directory.publish(swapped)).rejects.toSatisfy((error) => isAurochsError(error, "BAD_DATA"))
    expect(await found(s)).toEqual([])
  }),
  publishing("leaving the loop early leaves the directory usable", async (s) => {
    await s.directory.publish(s.first)
    await s.directory.publish(s.second)
    for await (const _ of s.directory.lookup({ owner: s.owner })) break
    expect(await found(s)).toHaveLength(2)
  }),
  publishing("a publication is told to whoever listens for changes (R35)", async (s) => {
    if (s.directory.changes === undefined) unsupported("the directory has no push")
    const leaving = new AbortController()
    const changes = s.directory.changes({ signal: leaving.signal })[Symbol.asyncIterator]()
    const next = changes.next()
    await s.directory.publish(s.first)
    expect(await next).toEqual({ value: s.owner, done: false })
    leaving.abort()
    await changes.return?.()
  }),
]

/** What every key directory must do. Those that only read skip the cases that publish. */
export const keyDirectoryCases: readonly Case<KeyDirectorySubject>[] = [...readingCases, ...publishingCases]

/** In place of the cases that publish: one that is skipped, after a look whether they may be. */
const onlyReads: Case<KeyDirectorySubject> = {
  title: `${publishingCases.length} cases that publish and retract`,
  async run({ directory }) {
    if (canPublish(directory)) throw new Error("it publishes and retracts: those cases have to run")
    unsupported("the directory only reads, or what it publishes cannot be taken back")
  },
}

/**
 * Runs the suite of key directories with vitest.
 *
 * @param name of the adapter
 * @param make a directory in which the owner has nothing yet
 * @param options.onlyReads the cases that publish are reported as one that was skipped
 */
export function describeKeyDirectory(
  name: string,
  make: () => Promise<KeyDirectorySubject>,
  options: SuiteOptions & { readonly onlyReads?: boolean | undefined } = {},
): void {
  const cases = options.onlyReads ? [...readingCases, onlyReads] : keyDirectoryCases
  describeCases(`KeyDirectory: ${name}`, cases, make, options, async (subject) => {
    await subject[Symbol.asyncDispose]()
  })
}

function publishing(title: string, run: (subject: Publishing) => Promise<void>): Case<KeyDirectorySubject> {
  return {
    title,
    async run(subject) {
      const { directory } = subject
      if (!canPublish(directory)) unsupported("the directory only reads")
      const [first, second] = subject.certificates
      if (first === undefined || second === undefined) throw new Error("the suite needs two certificates")
      await run({ directory, owner: subject.owner, first, second })
    },
  }
}

interface Stocked {
  readonly directory: KeyDirectory
  readonly owner: BareJid
  readonly first: CertificateInfo
  readonly second: CertificateInfo
  stock(certificates: readonly CertificateInfo[]): Promise<void>
}

function stocked(title: string, run: (subject: Stocked) => Promise<void>): Case<KeyDirectorySubject> {
  return {
    title,
    async run({ directory, owner, certificates: [first, second], stock }) {
      if (first === undefined || second === undefined) throw new Error("the suite needs two certificates")
      if (stock !== undefined) return run({ directory, owner, first, second, stock })
      if (!canPublish(directory)) throw new Error("a directory that only reads has to be stocked")
      const put = async (certificates: readonly CertificateInfo[]) => {
        for (const one of certificates) await directory.publish(one)
      }
      await run({ directory, owner, first, second, stock: put })
    },
  }
}

/** What is found of the owner, sorted; a gap fails the case. */
async function found(
  { directory, owner }: Pick<Stocked, "directory" | "owner">,
  fingerprint?: Fingerprint,
): Promise<string[]> {
  const items = await all(directory.lookup(fingerprint === undefined ? { owner } : { owner, fingerprint }))
  return items.map((one) => ("bytes" in one ? hex(one.bytes) : `missing ${one.missing}: ${one.because}`)).sort()
}

async function all(items: AsyncIterable<Found | Missing>): Promise<(Found | Missing)[]> {
  const list: (Found | Missing)[] = []
  for await (const item of items) list.push(item)
  return list
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
}
