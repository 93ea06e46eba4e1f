import { describeTransport } from "@aurochs/conformance"
import { createWorld } from "./world.ts"

describeTransport("the world in memory", async () => {
  const world = createWorld()
  const a = world.connect("romeo@example.org")
  const b = world.connect("juliet@example.org")
  return {
    a,
    b,
    async dispose() {
      await a[Symbol.asyncDispose]()
      await b[Symbol.asyncDispose]()
    },
  }
})
