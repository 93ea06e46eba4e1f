import { describe, expect, test } from "vitest"
import { childElement, childElements, element, textOf } from "../src/index.ts"

describe("elements", () => {
  const parent = element("a", "u", { b: "1", c: undefined }, [
    "x",
    element("d", "u"),
    element("d", "v"),
    "y",
    element("e", "u", {}, ["z"]),
  ])

  test("undefined attributes are left out", () => {
    expect(parent.attributes).toEqual({ b: "1" })
    expect(Object.keys(parent.attributes)).toEqual(["b"])
    expect(element("a", "")).toEqual({ name: "a", namespace: "", attributes: {}, children: [] })
  })

  test("an attribute called __proto__ is an attribute", () => {
    const attributes = Object.fromEntries([["__proto__", "1"]])
    expect(Object.entries(element("a", "", attributes).attributes)).toEqual([["__proto__", "1"]])
  })

  test("children by name and namespace", () => {
    expect(childElements(parent)).toHaveLength(3)
    expect(childElements(parent, "d")).toHaveLength(2)
    expect(childElements(parent, undefined, "u").map(({ name }) => name)).toEqual(["d", "e"])
    expect(childElement(parent, "d", "v")).toBe(parent.children[2])
    expect(childElement(parent, "d", "")).toBeUndefined()
  })

  test("text is what stands directly inside", () => {
    expect(textOf(parent)).toBe("xy")
  })
})
