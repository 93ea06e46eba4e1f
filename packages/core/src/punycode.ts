/** RFC 3492 §6.2: decodes the part of an A-label after `xn--`. Undefined if it is not valid. */
export function decodePunycode(text: string): string | undefined {
  const split = text.lastIndexOf("-")
  const output: number[] = []
  for (let i = 0; i < Math.max(split, 0); i++) output.push(text.charCodeAt(i))
  let n = 128
  let position = 0
  let bias = 72
  for (let at = split + 1; at < text.length; ) {
    const before = position
    for (let weight = 1, k = 36; ; k += 36) {
      const digit = digitOf(text.charCodeAt(at++))
      if (digit === undefined) return undefined
      position += digit * weight
      const threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias
      if (digit < threshold) break
      weight *= 36 - threshold
      if (position > 0x7fffffff || weight > 0x7fffffff) return undefined
    }
    bias = adapt(position - before, output.length + 1, before === 0)
    n += Math.floor(position / (output.length + 1))
    position %= output.length + 1
    if (n > 0x10ffff) return undefined
    output.splice(position++, 0, n)
  }
  return String.fromCodePoint(...output)
}

function digitOf(code: number): number | undefined {
  if (code >= 0x30 && code <= 0x39) return code - 0x30 + 26
  if (code >= 0x61 && code <= 0x7a) return code - 0x61
  if (code >= 0x41 && code <= 0x5a) return code - 0x41
  return undefined
}

/** RFC 3492 §6.1. */
function adapt(delta: number, points: number, first: boolean): number {
  let rest = first ? Math.floor(delta / 700) : Math.floor(delta / 2)
  rest += Math.floor(rest / points)
  let k = 0
  for (; rest > 455; k += 36) rest = Math.floor(rest / 35)
  return k + Math.floor((36 * rest) / (rest + 38))
}
