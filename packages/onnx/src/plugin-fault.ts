import { PareError } from './error.js'
import { strayMember } from './members.js'

/** Which plugin it is, as its user knows it. */
export interface PluginOrigin {
  /** 'criterion', 'metric', … */
  readonly kind: string
  /** As it is written in a config. */
  readonly name: string
  /** Where it comes from: 'pare-criterion-near 1.0.0', or a file. Absent where a config imported it. */
  readonly from?: string
  /** Whether it is one of Pare's own, so that a fault of it is a fault of Pare. Default: false */
  readonly comesWithPare?: boolean
}

/** What a plugin did that its contract does not allow: told with its name, where it comes from, and what was expected. */
export function pluginFault(
  { kind, name, from, comesWithPare = false }: PluginOrigin,
  { problem, expected, cause }: { readonly problem: string; readonly expected: string; readonly cause?: unknown },
): PareError {
  const where = comesWithPare ? 'comes with Pare' : (from ?? 'imported by the config')
  return new PareError(`${kind} '${name}' (${where}): ${problem}; ${expected} was expected.`, {
    hint: comesWithPare ? OWN_FAULT : FAULT,
    cause,
  })
}

const FAULT =
  'this is a fault of the plugin, neither of your model nor of Pare: tell its authors. They find it with pare plugin check.'
const OWN_FAULT = 'this is a fault of Pare, not of your model: please report it at https://github.com/pare-dev/pare/issues.'

/** Throws a fault of the plugin where an object that it gives has a member that its contract lacks. `what` names the object: 'step 1', 'needs.mean'. */
export function refuseStray(
  origin: PluginOrigin,
  { what, value, members }: { readonly what: string; readonly value: unknown; readonly members: Readonly<Record<string, true>> },
): void {
  const stray = strayMember(value, members)
  if (stray === undefined) return
  throw pluginFault(origin, { problem: `${what} has a member '${stray.name}' (${stray.value})`, expected: stray.expected })
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
