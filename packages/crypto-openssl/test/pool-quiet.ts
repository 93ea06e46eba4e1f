import { isAurochsError } from "@aurochs/core"
import { pool } from "../src/pool/index.ts"

// A program with a pool of one, which ends more often than it is replaced at once, and is left undisposed.
const provider = await pool({ engine: new URL("./pool-mortal.ts", import.meta.url), workers: 1 })
for (let i = 0; i < 6; i++) {
  const ended = provider.minimize(new Uint8Array(), { keepUserId: "" })
  console.log(
    await ended.then(
      () => "done",
      (error: unknown) => isAurochsError(error) && error.code,
    ),
  )
}
