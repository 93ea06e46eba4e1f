import { contentElement, parseXml, serializeXml } from "@aurochs/xml"
import * as ltx from "ltx"
import { paired, WARM_UP_MS } from "./kit/paired.ts"
import type { BenchContext, BenchModule, Row } from "./kit/types.ts"
import { CONTENT_BYTES, signcryptText } from "./workload.ts"

/** Reading XML: strict and bounded against ltx, which is neither. */
export const xml: BenchModule = {
  bench: "xml",
  title: "Strict parsing of a content element",
  about:
    "`parseXml` reads bytes of a content element strictly (valid UTF-8, well-formed, namespaces bound, within bounds); " +
    "`xml+codec` also reads what it means. They are held against ltx, which checks little and is handed the text.",
  nMeans: "bytes",
  opsMean: "elements",
  async *run(context: BenchContext): AsyncIterable<Row> {
    for (const n of context.quick ? [CONTENT_BYTES] : [CONTENT_BYTES, 4_096, 65_536]) {
      const text = signcryptText(n)
      const bytes = new TextEncoder().encode(text)
      const element = parseXml(text)
      const ltxElement = ltx.parse(text)
      yield* await paired(context, {
        bench: "xml",
        n,
        sides: [
          { side: "ltx", once: () => ltx.parse(text) },
          { side: "xml", once: () => parseXml(bytes) },
          { side: "xml+codec", once: () => contentElement.read(parseXml(bytes)) },
          { side: "ltx-write", once: () => ltxElement.toString() },
          { side: "xml-write", once: () => serializeXml(element) },
        ],
        pairs: [
          { side: "xml", ratioTo: "ltx", ...(n === CONTENT_BYTES ? { goal: 0.45 } : {}) },
          { side: "xml+codec", ratioTo: "ltx" },
          { side: "xml-write", ratioTo: "ltx-write" },
        ],
        warmUpMs: n === CONTENT_BYTES ? WARM_UP_MS : undefined,
      })
    }
  },
}
