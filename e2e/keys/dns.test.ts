import { describeKeyDirectory } from "@aurochs/conformance"
import { type BareJid, bareJid, type Fingerprint, fingerprint } from "@aurochs/core"
import type { CertificateInfo } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { type DnsOptions, dnsDirectory, recordName } from "@aurochs/keys/dns"
import * as pgp from "openpgp"
import { describe, expect, test } from "vitest"
import { dnssecPrograms, startSignedDns } from "../rig/dnssec.ts"
import { needs } from "../rig/needs.ts"
import { collect, makeKey } from "./people.ts"

const provider = openpgpjs()
const made = async (jid: string) => {
  const owner = bareJid(jid)
  return { owner, certificate: (await makeKey(provider, owner)).small }
}
/** A certificate that does not fit into one packet. */
async function large(jid: string) {
  const { publicKey } = await pgp.generateKey({
    ...{ type: "ecc", curve: "curve25519Legacy", userIDs: [{ name: `xmpp:${jid}` }], format: "object" },
    subkeys: Array.from({ length: 8 }, () => ({})),
  })
  return { owner: bareJid(jid), bytes: publicKey.write(), fingerprint: fingerprint(publicKey.getFingerprint()) }
}

const [good, other, tampered, insecure] = [
  await made("good@signed.test"),
  await made("good@signed.test"),
  await made("good@tampered.test"),
  await made("good@unsigned.test"),
]
const big = await large("big@signed.test")
const suiteOwner = bareJid("suite@signed.test")
const suite = [(await makeKey(provider, suiteOwner)).small, (await makeKey(provider, suiteOwner)).small]

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64")
const record = (owner: BareJid, bytes: Uint8Array) => `${recordName(owner)}. OPENPGPKEY ${base64(bytes)}`

const dns = needs({
  name: "dnssec",
  programs: dnssecPrograms,
  start: (programs, folder) =>
    startSignedDns(programs, folder, [
      {
        name: "signed.test",
        signed: true,
        records: [
          record(good.owner, good.certificate.bytes),
          record(big.owner, big.bytes),
          record(suiteOwner, suite[0]?.bytes ?? new Uint8Array()),
          record(bareJid("two@signed.test"), good.certificate.bytes),
          record(bareJid("two@signed.test"), other.certificate.bytes),
          record(bareJid("noise@signed.test"), new Uint8Array([1, 2, 3])),
          `${recordName(bareJid("alias@signed.test"))}. CNAME ${recordName(good.owner)}.`,
        ],
      },
      {
        name: "tampered.test",
        signed: true,
        records: [record(tampered.owner, tampered.certificate.bytes)],
        // Another certificate under the signature of the first.
        tamper: (text) =>
          text.replaceAll(
            /(\sOPENPGPKEY\s+)(\(?[A-Za-z0-9+/=\s]+?\)?)(\n\S)/g,
            (_, head: string, __, tail: string) => `${head}${base64(other.certificate.bytes)}${tail}`,
          ),
      },
      { name: "unsigned.test", signed: false, records: [record(insecure.owner, insecure.certificate.bytes)] },
    ]),
})

const open = (o: Partial<DnsOptions> = {}) => dnsDirectory({ servers: [dns.it.resolver], ...o })
const lookup = (owner: BareJid, print?: Fingerprint, directory = open()) =>
  collect(directory.lookup({ owner, fingerprint: print }))

describeKeyDirectory(
  "dns, a signed zone of bind9 behind unbound",
  async () => {
    let isStocked = false
    const directory = open()
    return {
      // What is in the zone is there from the start: before it was stocked, somebody is asked for who has none.
      directory: {
        ...directory,
        lookup: (query, options) =>
          directory.lookup(isStocked ? query : { ...query, owner: bareJid("none@signed.test") }, options),
      },
      owner: suiteOwner,
      certificates: suite,
      stock: async (certificates: readonly CertificateInfo[]) => {
        expect(certificates).toEqual([suite[0]])
        isStocked = true
      },
      [Symbol.asyncDispose]: async () => {},
    }
  },
  { onlyReads: true },
)

describe("bind9 behind unbound", () => {
  test("good: validated, bound by DNSSEC, for as long as the record lives", async () => {
    const [found] = await lookup(good.owner)
    expect(found).toMatchObject({ bytes: good.certificate.bytes, source: "dns", binds: "dnssec" })
    const { expiresInMs } = found as { expiresInMs: number }
    expect(expiresInMs).toBeGreaterThan(0)
    expect(expiresInMs).toBeLessThanOrEqual(300_000)
  })

  test("tampered: the resolver answers SERVFAIL, which is an error and not nothing (A5)", async () => {
    const result = lookup(tampered.owner)
    await expect(result).rejects.toMatchObject({ code: "NETWORK", details: { phase: "dns" } })
    await expect(result).rejects.toThrow(/SERVFAIL/)
  })

  test("missing: nothing, whether the name or only the record is not there", async () => {
    expect(await lookup(bareJid("nobody@signed.test"))).toEqual([])
    expect(await lookup(bareJid("nobody@unsigned.test"))).toEqual([])
  })

  test("insecure: named, and not used (A5)", async () => {
    expect(await lookup(insecure.owner)).toEqual([
      { missing: insecure.certificate.fingerprint, because: "not-validated", source: "dns", candidate: true },
    ])
  })

  test("a name server that validates nothing binds nothing: without AD there is no key (A5)", async () => {
    const directory = open({ servers: [dns.it.nameServer] })
    for (const { owner, certificate } of [good, tampered]) {
      const items = await lookup(owner, undefined, directory)
      const { fingerprint: print } = owner === tampered.owner ? other.certificate : certificate
      expect(items).toEqual([{ missing: print, because: "not-validated", source: "dns", candidate: true }])
    }
  })

  test("what does not fit into one packet comes over TCP", async () => {
    expect(big.bytes.length).toBeGreaterThan(1_232)
    const [found] = await lookup(big.owner)
    expect(found).toMatchObject({ binds: "dnssec" })
    const info = await provider.inspect(found && "bytes" in found ? found.bytes : new Uint8Array())
    expect(info.fingerprint).toBe(big.fingerprint)
  })

  test("several records, one of them by its fingerprint, an alias", async () => {
    const two = bareJid("two@signed.test")
    expect(await lookup(two)).toHaveLength(2)
    expect(await lookup(two, other.certificate.fingerprint)).toMatchObject([{ bytes: other.certificate.bytes }])
    expect(await lookup(bareJid("alias@signed.test"))).toMatchObject([{ bytes: good.certificate.bytes }])
  })

  test("a record that is no certificate is an error", async () => {
    await expect(lookup(bareJid("noise@signed.test"))).rejects.toMatchObject({ code: "BAD_DATA" })
  })

  test("a resolver elsewhere is not believed unless it is named as trusted", () => {
    expect(() => open({ servers: ["192.0.2.1"] })).toThrow(expect.objectContaining({ code: "CONFIGURATION" }))
    expect(open({ servers: ["192.0.2.1"], trustAd: true }).name).toBe("dns")
  })
})
