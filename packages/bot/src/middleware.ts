/** A middleware whose types were checked when it was registered. */
export type AnyMiddleware = (ctx: object, next: (added?: object) => Promise<void>) => Promise<void>

/**
 * Runs each middleware in its order, then `last`. Each gets a frozen context that holds what those before it passed to
 * `next`; `next` twice is an error. The context's own fields win: nobody can pass another `message` to a handler.
 *
 * @param last gets the context with all additions; not called if a middleware did not call `next`
 */
export async function runMiddleware(
  middleware: readonly AnyMiddleware[],
  base: object,
  last: (ctx: object) => Promise<void>,
): Promise<void> {
  const run = async (index: number, added: object): Promise<void> => {
    const ctx = Object.freeze({ ...added, ...base })
    const current = middleware[index]
    if (current === undefined) return last(ctx)
    let rest: Promise<void> | undefined
    await current(ctx, (more) => {
      if (rest !== undefined) return Promise.reject(new Error("next() was called twice"))
      rest = run(index + 1, { ...added, ...more })
      return rest
    })
    // A middleware that did not wait for the handlers does not make the message count as handled before they ended.
    await rest
  }
  await run(0, {})
}
