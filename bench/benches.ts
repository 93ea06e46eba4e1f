import type { BenchModule } from "./kit/types.ts"

/** A bench by name. It is loaded only if it is wanted: an older commit may lack a package that another bench needs. */
export interface Listed {
  readonly bench: string
  load(): Promise<BenchModule>
}

/** Every bench, in the order in which they run and stand on the page. */
export const benches: readonly Listed[] = [
  { bench: "seal", load: async () => (await import("./seal.ts")).seal },
  { bench: "open", load: async () => (await import("./seal.ts")).open },
  { bench: "warm", load: async () => (await import("./contacts.ts")).warm },
  { bench: "inflight", load: async () => (await import("./inflight.ts")).inflight },
  { bench: "pool", load: async () => (await import("./pool.ts")).workerPool },
  { bench: "message-seal", load: async () => (await import("./message.ts")).messageSeal },
  { bench: "message-open", load: async () => (await import("./message.ts")).messageOpen },
  { bench: "xml", load: async () => (await import("./xml.ts")).xml },
  { bench: "archive", load: async () => (await import("./archive.ts")).archive },
  { bench: "e2e", load: async () => (await import("./e2e.ts")).e2e },
  { bench: "e2e-heap", load: async () => (await import("./e2e.ts")).e2eHeap },
]
