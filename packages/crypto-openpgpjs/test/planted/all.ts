import { certificates } from "./certificates.ts"
import { certifying } from "./certifying.ts"
import { conduct } from "./conduct.ts"
import { messages } from "./messages.ts"
import type { Planted } from "./plant.ts"
import { sealing } from "./sealing.ts"
import { secrets } from "./secrets.ts"
import { verdicts } from "./verdicts.ts"

/** Every wrong provider. */
export const planted: readonly Planted[] = [
  ...verdicts,
  ...messages,
  ...certificates,
  ...certifying,
  ...sealing,
  ...conduct,
  ...secrets,
]
