import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { engines, type TestEngine } from "../rig/engines.ts"
import { attackVectors, receive } from "../rig/vectors.ts"

const vectors = attackVectors()

// The first of them runs in packages/message, with the vectors that it made.
describe.each(Object.keys(engines).slice(1))("attacks on %s", (name) => {
  let engine: TestEngine | undefined
  let missing = ""
  beforeAll(async () => {
    const made = await engines[name]?.()
    if (made?.missing === undefined) engine = made
    else missing = made.missing
  }, 300_000)
  afterAll(() => engine?.[Symbol.asyncDispose]())

  it.for(vectors)(
    "$vector.attack: $name has the outcome that it has with every engine",
    { timeout: 60_000 },
    async ({ name: attack, vector }, { skip }) => {
      if (engine === undefined) return skip(missing)
      const received = await receive(attack, vector, engine.provider)
      if (vector.expect === null) return expect(received).toBeUndefined()
      const { body, payload, ...rest } = vector.expect
      expect(received).toMatchObject(rest)
      if (body !== undefined) expect(received).toMatchObject({ body: body ?? undefined })
      if (payload !== undefined && received?.kind === "secure") {
        expect(received.payload.map((child) => child.name)).toEqual(payload)
      }
      expect(JSON.stringify(received)).not.toContain("outer fallback")
    },
  )
})
