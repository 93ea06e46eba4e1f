import * as v from "valibot"

const text = v.pipe(v.string(), v.nonEmpty("must not be empty"))
const port = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535))

const account = v.strictObject({
  jid: text,
  service: v.optional(text),
  password: v.optional(text),
  passwordFile: v.optional(text),
})

const webhook = v.strictObject({
  host: v.optional(text, "127.0.0.1"),
  port: v.optional(port, 9095),
  token: v.optional(text),
  tokenFile: v.optional(text),
  maxBodyBytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1024), v.maxValue(64 * 1024 * 1024)), 1_048_576),
})

const storage = v.strictObject({
  folder: v.optional(text, "./aurochs-notify"),
  databaseUrl: v.optional(text),
  databaseUrlFile: v.optional(text),
})

const key = v.strictObject({
  create: v.optional(v.boolean(), true),
  passphrase: v.optional(text),
  passphraseFile: v.optional(text),
})

const recipient = v.strictObject({
  jid: text,
  fingerprints: v.optional(v.pipe(v.array(text), v.minLength(1, "must name at least one fingerprint"))),
})

const texts = v.optional(v.array(text))
const use = v.optional(v.picklist(["refresh", "bind"], 'must be "refresh" or "bind"'), "refresh")
const onlyRefresh = v.optional(
  v.picklist(["refresh"], 'must be "refresh": a key server cannot say whose a key is'),
  "refresh",
)
const upload = v.optional(v.boolean(), false)
const places = { allowPrivate: texts, connectTo: texts }

/** Each source knows settings of its own. */
const source = v.variant(
  "source",
  [
    v.strictObject({ source: v.literal("wkd"), use, ...places }),
    v.strictObject({ source: v.literal("dns"), use, resolvers: texts, trustAd: v.optional(v.boolean(), false) }),
    v.strictObject({ source: v.literal("hkp"), use: onlyRefresh, server: text, upload, ...places }),
    v.strictObject({ source: v.literal("vks"), use: onlyRefresh, server: v.optional(text), upload, ...places }),
  ],
  "must be wkd, dns, hkp or vks",
)

const trust = v.strictObject({
  messages: v.optional(v.boolean(), false),
})

const message = v.strictObject({
  maxBytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(500), v.maxValue(100_000)), 100_000),
})

const log = v.strictObject({
  level: v.optional(v.picklist(["debug", "info", "warn", "error"]), "info"),
})

/** What a configuration file may contain; an unknown field is an error, not a remark. */
export const configSchema = v.strictObject({
  account,
  webhook: v.optional(webhook, {}),
  recipients: v.pipe(v.array(recipient), v.minLength(1, "must name at least one recipient")),
  sources: v.optional(v.array(source), []),
  storage: v.optional(storage, {}),
  key: v.optional(key, {}),
  trust: v.optional(trust, {}),
  message: v.optional(message, {}),
  log: v.optional(log, {}),
})

/** A configuration file after the check, defaults filled in. */
export type ConfigFile = v.InferOutput<typeof configSchema>

/** The first thing wrong with a configuration, with the path to it; undefined if nothing is. */
export function checkConfig(
  value: unknown,
): { readonly config: ConfigFile } | { readonly field: string; readonly message: string } {
  const result = v.safeParse(configSchema, value)
  if (result.success) return { config: result.output }
  const [issue] = result.issues
  const field = v.getDotPath(issue) ?? ""
  if (issue.kind === "schema" && issue.type === "strict_object" && issue.expected === "never") {
    return { field, message: `${field} is no known setting` }
  }
  if (issue.kind === "schema" && issue.received === "undefined") return { field, message: `${field} is missing` }
  const message = issue.message.startsWith("must ")
    ? issue.message
    : issue.message.replace(/^Invalid \w+: /, "").toLowerCase()
  return { field, message: `${field || "the file"}: ${message}` }
}
