import { type BareJid, cryptoRandom, type Fingerprint, type KnownKey, randomId } from "@aurochs/core"
import type { Backing } from "./backing.ts"
import { base64, bytes, date, fields, flag, type JsonFormat, list, oneOf, optional, text, textRecord } from "./json.ts"
import type {
  AuditEvent,
  AuditLog,
  KeyStore,
  PutKeyOptions,
  SecretStore,
  SeenSet,
  StateStore,
  StateValue,
} from "./stores.ts"

/** A set of seen texts on any backing. */
export function seenOn(backing: Backing): SeenSet {
  const claims = backing.claims("seen")
  return {
    async claim(key, carriedIn, options) {
      const before = await claims.claim("seen.claim", key, carriedIn, options)
      if (before === undefined) return "first"
      return before === carriedIn ? "same-stanza" : "elsewhere"
    },
    [Symbol.asyncDispose]: () => claims[Symbol.asyncDispose](),
  }
}

/** A key store on any backing. */
export function keysOn(backing: Backing): KeyStore {
  const owners = backing.documents<OwnerKeys>("keys", keysFormat)
  return {
    async *keysOf(owner, options) {
      const document = await owners.get("keys.keysOf", owner, options)
      // Stable: keys first seen at the same moment stay in the order of their arrival.
      yield* [...(document?.keys ?? [])].sort((a, b) => a.firstSeen.getTime() - b.firstSeen.getTime())
    },
    async *owners(options) {
      const found: BareJid[] = []
      for await (const document of owners.all("keys.owners", options)) found.push(document.owner)
      yield* found.sort()
    },
    put: (key, options) =>
      owners.update<{ kind: "stored" | "conflict" }>(
        "keys.put",
        key.owner,
        (old) => {
          const keys = [...(old?.keys ?? [])]
          const at = keys.findIndex((other) => other.fingerprint === key.fingerprint)
          if (!isAsExpected(keys[at], options?.ifBytes)) return { document: "keep", result: { kind: "conflict" } }
          keys.splice(at < 0 ? keys.length : at, at < 0 ? 0 : 1, key)
          return { document: { owner: key.owner, keys }, result: { kind: "stored" } }
        },
        options,
      ),
    remove: (owner, fingerprint, options) =>
      owners.update(
        "keys.remove",
        owner,
        (old) => {
          const keys = old?.keys.filter((key) => key.fingerprint !== fingerprint) ?? []
          return { document: keys.length === 0 ? "delete" : { owner, keys }, result: undefined }
        },
        options,
      ),
    [Symbol.asyncDispose]: () => owners[Symbol.asyncDispose](),
  }
}

function isAsExpected(stored: KnownKey | undefined, ifBytes: PutKeyOptions["ifBytes"]): boolean {
  if (ifBytes === undefined) return true
  if (ifBytes === "absent") return stored === undefined
  return stored !== undefined && Buffer.compare(stored.bytes, ifBytes) === 0
}

/** A secret store on any backing. */
export function secretsOn(backing: Backing): SecretStore {
  const accounts = backing.documents<AccountSecrets>("secrets", secretsFormat)
  return {
    load: async (account, options) => (await accounts.get("secrets.load", account, options))?.secrets ?? [],
    save: (account, secret, options) =>
      accounts.update(
        "secrets.save",
        account,
        (old) => {
          const secrets = old?.secrets ?? []
          const held = secrets.some((other) => Buffer.compare(other, secret) === 0)
          return { document: held ? "keep" : { account, secrets: [...secrets, secret] }, result: undefined }
        },
        options,
      ),
    [Symbol.asyncDispose]: () => accounts[Symbol.asyncDispose](),
  }
}

/** A state store on any backing. */
export function stateOn(backing: Backing): StateStore {
  const values = backing.documents<StateValue>("state", valueFormat)
  const random = cryptoRandom()
  return {
    get: (key, options) => values.get("state.get", key, options),
    put: (key, value, options) =>
      values.update<Awaited<ReturnType<StateStore["put"]>>>(
        "state.put",
        key,
        (old) => {
          const wanted = options?.ifVersion
          if (wanted !== undefined && wanted !== (old?.version ?? "absent"))
            return { document: "keep", result: { kind: "conflict" } }
          // Random, so that a value that was deleted and made again never has an old version.
          const version = randomId(random)
          return { document: { bytes: value, version }, result: { kind: "stored", version } }
        },
        options,
      ),
    delete: (key, options) =>
      values.update("state.delete", key, () => ({ document: "delete", result: undefined }), options),
    [Symbol.asyncDispose]: () => values[Symbol.asyncDispose](),
  }
}

/** An audit log on any backing. */
export function auditOn(backing: Backing): AuditLog {
  const events = backing.lines<AuditEvent>("audit", eventFormat)
  return {
    append: (event, options) => events.append("audit.append", event, options),
    async *read(query, options) {
      for await (const event of events.all("audit.read", options))
        if (event.account === query.account && (query.subject === undefined || event.subject === query.subject))
          yield event
    },
    [Symbol.asyncDispose]: () => events[Symbol.asyncDispose](),
  }
}

interface OwnerKeys {
  readonly owner: BareJid
  readonly keys: readonly KnownKey[]
}

interface AccountSecrets {
  readonly account: BareJid
  readonly secrets: Uint8Array[]
}

const keyFormat: JsonFormat<KnownKey> = {
  write: (key) => ({ ...key, bytes: base64(key.bytes) }),
  read(value, at) {
    const raw = fields(value, at)
    return {
      owner: text(raw.owner, "owner") as BareJid,
      fingerprint: text(raw.fingerprint, "fingerprint") as Fingerprint,
      bytes: bytes(raw.bytes, "bytes"),
      firstSeen: date(raw.firstSeen, "firstSeen"),
      source: text(raw.source, "source"),
      binds: oneOf("account", "dnssec", "https-domain", "nothing")(raw.binds, "binds"),
      announced: flag(raw.announced, "announced"),
      approval: oneOf("verified", "distrusted", "none")(raw.approval, "approval"),
    }
  },
}

const keysFormat: JsonFormat<OwnerKeys> = {
  write: ({ owner, keys }) => ({ owner, keys: keys.map(keyFormat.write) }),
  read(value, at) {
    const raw = fields(value, at)
    return { owner: text(raw.owner, "owner") as BareJid, keys: list(keyFormat.read)(raw.keys, "keys") }
  },
}

const secretsFormat: JsonFormat<AccountSecrets> = {
  write: ({ account, secrets }) => ({ account, secrets: secrets.map(base64) }),
  read(value, at) {
    const raw = fields(value, at)
    return { account: text(raw.account, "account") as BareJid, secrets: list(bytes)(raw.secrets, "secrets") }
  },
}

const valueFormat: JsonFormat<StateValue> = {
  write: (value) => ({ bytes: base64(value.bytes), version: value.version }),
  read(value, at) {
    const raw = fields(value, at)
    return { bytes: bytes(raw.bytes, "bytes"), version: text(raw.version, "version") }
  },
}

const eventFormat: JsonFormat<AuditEvent> = {
  write: (event) => event,
  read(value, at) {
    const raw = fields(value, at)
    return {
      at: date(raw.at, "at"),
      account: text(raw.account, "account") as BareJid,
      kind: text(raw.kind, "kind"),
      subject: optional(text)(raw.subject, "subject") as BareJid | undefined,
      fingerprint: optional(text)(raw.fingerprint, "fingerprint") as Fingerprint | undefined,
      detail: optional(textRecord)(raw.detail, "detail"),
    }
  },
}
