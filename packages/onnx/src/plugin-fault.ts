import { PareError } from './error.js'

/** Which plugin it is, as its user knows it. */
export interface PluginOrigin {
  /** 'criterion', 'metric', … */
  readonly kind: string
  /** As it is written in a config. */
  readonly name: string
  /** Where it comes from: 'pare-criterion-near 1.0.0', or a file. Absent where a config imported it. */
  readonly from?: string
}

/** What a plugin did that its contract does not allow: told with its name, where it comes from, and what was expected. */
export function pluginFault(
  { kind, name, from }: PluginOrigin,
  { problem, expected, cause }: { readonly problem: string; readonly expected: string; readonly cause?: unknown },
): PareError {
  const where = from === undefined ? 'imported by the config' : from
  return new PareError(`${kind} '${name}' (${where}): ${problem}; ${expected} was expected.`, {
    hint: 'this is a fault of the plugin, neither of your model nor of Pare: tell its authors. They find it with pare plugin check.',
    cause,
  })
}

/**
 * What a plugin's function gives. Whatever it throws is told as its fault, but for a `PareError`, with which it refuses something on purpose, and an abort.
 */
export function blamed<Result>(origin: PluginOrigin, what: string, call: () => Result): Result {
  try {
    const result = call()
    if (!(result instanceof Promise)) return result
    return result.catch((error: unknown) => {
      throw faultOf(origin, what, error)
    }) as Result
  } catch (error) {
    throw faultOf(origin, what, error)
  }
}

function faultOf(origin: PluginOrigin, what: string, error: unknown): unknown {
  // By name too: a plugin may bring a copy of this package of its own.
  if (error instanceof Error && (error.name === 'PareError' || error.name === 'AbortError')) return error
  const thrown = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return pluginFault(origin, {
    problem: `${what} threw ${thrown}`,
    expected: 'a result, or a PareError with a reason',
    cause: error,
  })
}
