import { archive } from "./archive.ts"
import { warm } from "./contacts.ts"
import { e2e, e2eHeap } from "./e2e.ts"
import { inflight } from "./inflight.ts"
import type { BenchModule } from "./kit/types.ts"
import { messageOpen, messageSeal } from "./message.ts"
import { workerPool } from "./pool.ts"
import { open, seal } from "./seal.ts"
import { xml } from "./xml.ts"

/** Every bench, in the order in which they run and stand on the page. */
export const benches: readonly BenchModule[] = [
  seal,
  open,
  warm,
  inflight,
  workerPool,
  messageSeal,
  messageOpen,
  xml,
  archive,
  e2e,
  e2eHeap,
]
