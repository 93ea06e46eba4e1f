// The calls that are made for each message go between the threads as numbers and bytes in one piece of memory, which
// changes hands: objects would be taken apart and put together again on each side, which costs more than sending them.

/** Memory that goes to the other thread. */
export interface Frames {
  readonly frames: ArrayBuffer
  /** How much of it was written. */
  readonly used: number
}

/** Writes one value after another. */
export interface FrameWriter {
  number(value: number): void
  bytes(value: Uint8Array): void
  /** ASCII. */
  text(value: string): void
  /** What was written so far; nothing may be written afterwards. */
  take(): Frames
}

/** Reads the same values in the same order. */
export interface FrameReader {
  readonly isDone: boolean
  number(): number
  /** A view: it goes with the rest. */
  bytes(): Uint8Array
  text(): string
}

const FIRST_BYTES = 8_192
const NUMBER_BYTES = 8

/** Nothing written yet. */
export function frameWriter(): FrameWriter {
  let memory = Buffer.allocUnsafeSlow(FIRST_BYTES)
  let view = new DataView(memory.buffer)
  let at = 0
  function makeRoom(bytes: number): void {
    if (at + bytes <= memory.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * memory.length, at + bytes))
    memory.copy(larger, 0, 0, at)
    memory = larger
    view = new DataView(memory.buffer)
  }
  function number(value: number): void {
    makeRoom(NUMBER_BYTES)
    view.setFloat64(at, value)
    at += NUMBER_BYTES
  }
  return {
    number,
    bytes(value) {
      number(value.length)
      makeRoom(value.length)
      memory.set(value, at)
      at += value.length
    },
    text(value) {
      number(value.length)
      makeRoom(value.length)
      at += memory.write(value, at, "latin1")
    },
    take: () => ({ frames: memory.buffer, used: at }),
  }
}

/** @param frames of a {@link FrameWriter} of this version */
export function frameReader({ frames, used }: Frames): FrameReader {
  const memory = Buffer.from(frames, 0, used)
  const view = new DataView(frames)
  let at = 0
  function number(): number {
    const value = view.getFloat64(at)
    at += NUMBER_BYTES
    return value
  }
  return {
    get isDone() {
      return at >= used
    },
    number,
    bytes() {
      const length = number()
      at += length
      return new Uint8Array(frames, at - length, length)
    },
    text() {
      const length = number()
      at += length
      return memory.toString("latin1", at - length, at)
    },
  }
}

/** Is it memory, and no order or answer? */
export function isFrames(item: object): item is Frames {
  return "frames" in item
}
