import { describe, expect, test } from "vitest"
import { parseJid } from "../src/index.ts"
import { decodePunycode } from "../src/punycode.ts"

describe("X12: Punycode (RFC 3492)", () => {
  test("samples of §7.1", () => {
    const samples: Record<string, string> = {
      egbpdaj6bu4bxfgehfvwxn: "ليهمابتكلموشعربي؟",
      ihqwcrb4cv8a8dqg056pqjye: "他们为什么不说中文",
      ihqwctvzc91f659drss3x8bo0yb: "他們爲什麽不說中文",
      "Proprostnemluvesky-uyb24dma41a": "Pročprostěnemluvíčesky",
      "4dbcagdahymbxekheh6e0a7fei0b": "למההםפשוטלאמדבריםעברית",
      n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa: "なぜみんな日本語を話してくれないのか",
      b1abfaaepdrnnbgefbadotcwatmq2g4l: "почемужеонинеговорятпорусски",
      "PorqunopuedensimplementehablarenEspaol-fmd56a": "PorquénopuedensimplementehablarenEspañol",
      "TisaohkhngthchnitingVit-kjcr8268qyxafd2f1b9g": "TạisaohọkhôngthểchỉnóitiếngViệt",
      "3B-ww4c5e180e575a65lsy2b": "3年B組金八先生",
      "MajiKoi5-783gue6qz075azm5e": "MajiでKoiする5秒前",
      "-> $1.00 <--": "-> $1.00 <-",
    }
    for (const [encoded, decoded] of Object.entries(samples)) expect(decodePunycode(encoded)).toBe(decoded)
  })

  test("what is none", () => {
    for (const text of ["b\u00fccher", "a!", "99999999", "zzzzzzzzzzzz", "bcher-kv", "0"])
      expect(decodePunycode(text)).toBeUndefined()
  })

  test("an address has the U-label", () => {
    expect(parseJid("a@xn--r8jz45g.xn--zckzah").domain).toBe("例え.テスト")
  })
})
