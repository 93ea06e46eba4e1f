import type { BenchModule } from "./kit/types.ts"
import { xml } from "./xml.ts"

/** Every bench, in the order in which they run and stand on the page. */
export const benches: readonly BenchModule[] = [xml]
