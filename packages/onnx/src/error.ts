/** Something the user can act on. Anything else that is thrown is a bug of ours. */
export class PareError extends Error {
  /** What to do next: a command or an option. */
  readonly hint: string | undefined

  constructor(message: string, options: { readonly hint?: string | undefined; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'PareError'
    this.hint = options.hint
  }
}
