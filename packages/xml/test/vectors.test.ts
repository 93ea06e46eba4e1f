import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { XmlElement } from "@aurochs/core"
import { describe, expect, test } from "vitest"
import * as xml from "../src/index.ts"
import { decodeBase64, parseXml, serializeXml } from "../src/index.ts"

const folder = fileURLToPath(new URL("../../../vectors/xml/", import.meta.url))

interface Vector {
  readonly codec: string
  readonly directions: "both" | "read" | "write"
  readonly value: unknown
}

interface Functions {
  readonly read?: (element: XmlElement) => unknown
  readonly write?: (value: never) => XmlElement
}

/** A codec, or a function that goes one way. */
function functionsOf({ codec, directions }: Vector): Functions {
  const found = codec.split(".").reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], xml)
  if (typeof found !== "function") return found as Functions
  return directions === "write"
    ? { write: found as (value: never) => XmlElement }
    : { read: found as (element: XmlElement) => unknown }
}

function revive(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value
  if ("$date" in value) return new Date(String(value.$date))
  if ("$base64" in value) return decodeBase64(String(value.$base64))
  if ("$xml" in value) return parseXml(String(value.$xml))
  return value
}

describe("golden vectors", () => {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"))
  expect(names.length).toBeGreaterThan(30)
  for (const name of names) {
    const vector = JSON.parse(readFileSync(folder + name, "utf8"), revive) as Vector
    const element = parseXml(readFileSync(folder + name.replace(/json$/, "xml")))
    const { read, write } = functionsOf(vector)
    if (vector.directions !== "write")
      test(`${name}: read`, () => {
        expect(read?.(element)).toEqual(vector.value)
      })
    if (vector.directions !== "read")
      test(`${name}: written`, () => {
        const written = write?.(vector.value as never)
        expect(written).toEqual(element)
        expect(parseXml(serializeXml(written as XmlElement))).toEqual(element)
      })
  }
})
