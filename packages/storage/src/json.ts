import type { XmlElement } from "@aurochs/core"

/** What was read back is not what was written. The message says where, never what. */
export class Malformed extends Error {}

/** Checks a value that came out of `JSON.parse`; `at` names its place for the error. */
export type Reader<T> = (value: unknown, at: string) => T

/** How values of a type are written as JSON and read back. */
export interface JsonFormat<T> {
  write(value: T): unknown
  readonly read: Reader<T>
}

export const text: Reader<string> = (value, at) => {
  if (typeof value !== "string") throw new Malformed(`${at} is not text`)
  return value
}

export const count: Reader<number> = (value, at) => {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw new Malformed(`${at} is no count`)
  return value
}

export const integer: Reader<number> = (value, at) => {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw new Malformed(`${at} is no whole number`)
  return value
}

export const flag: Reader<boolean> = (value, at) => {
  if (typeof value !== "boolean") throw new Malformed(`${at} is neither true nor false`)
  return value
}

export const date: Reader<Date> = (value, at) => {
  const parsed = new Date(text(value, at))
  if (Number.isNaN(parsed.getTime())) throw new Malformed(`${at} is no time`)
  return parsed
}

export const bytes: Reader<Uint8Array> = (value, at) => {
  const encoded = text(value, at)
  const decoded = Buffer.from(encoded, "base64")
  if (decoded.toString("base64") !== encoded) throw new Malformed(`${at} is not Base64`)
  return new Uint8Array(decoded)
}

/** Bytes as Base64, for JSON. */
export function base64(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")
}

/** An object whose fields are then read one by one. */
export const fields: Reader<Readonly<Record<string, unknown>>> = (value, at) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Malformed(`${at} is no object`)
  return value as Readonly<Record<string, unknown>>
}

export function optional<T>(read: Reader<T>): Reader<T | undefined> {
  return (value, at) => (value === undefined ? undefined : read(value, at))
}

export function list<T>(read: Reader<T>): Reader<T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw new Malformed(`${at} is no list`)
    return value.map((item, index) => read(item, `${at}[${index}]`))
  }
}

export function oneOf<const T extends string>(...values: readonly T[]): Reader<T> {
  return (value, at) => {
    const found = values.find((candidate) => candidate === value)
    if (found === undefined) throw new Malformed(`${at} is none of ${values.join(", ")}`)
    return found
  }
}

export const textRecord: Reader<Record<string, string>> = (value, at) => {
  const result: Record<string, string> = {}
  for (const [name, item] of Object.entries(fields(value, at))) {
    // A plain assignment of "__proto__" would set the prototype.
    Object.defineProperty(result, name, {
      value: text(item, `${at}.${name}`),
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return result
}

/** Deeper than any stanza that a parser lets through; guards the stack. */
const maxDepth = 1000

export const element: Reader<XmlElement> = (value, at) => readElement(value, at, 0)

function readElement(value: unknown, at: string, depth: number): XmlElement {
  if (depth > maxDepth) throw new Malformed(`${at} is nested too deeply`)
  const raw = fields(value, at)
  const children = list((child, place) => (typeof child === "string" ? child : readElement(child, place, depth + 1)))(
    raw.children,
    "children",
  )
  return {
    name: text(raw.name, "name"),
    namespace: text(raw.namespace, "namespace"),
    attributes: textRecord(raw.attributes, "attributes"),
    children,
  }
}
