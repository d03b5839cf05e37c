import type { Overrides } from '../options/config.js'
import { type Problem, reportOf } from '../terminal/failure.js'

/** What settings are read from, and where what is wrong with them goes. */
export interface Check {
  /** Paths of the overrides start here. */
  readonly cwd: string
  /** Paths of the config start here. */
  readonly folder: string
  readonly overrides: Overrides
  /** False: nothing executable of the checkout is loaded. */
  readonly trusted: boolean
  /** Of a checkout that is not trusted: files must lie in it, behind all links. Undefined: files may be anywhere */
  readonly workspace: string | undefined
  /** Collects. */
  readonly problems: Problem[]
}

/** What `read` gives; where the user said something wrong that is noted, and undefined. */
export async function orProblem<Result>(
  read: () => Result | Promise<Result>,
  place: string,
  { problems }: Pick<Check, 'problems'>,
): Promise<Result | undefined> {
  try {
    return await read()
  } catch (error) {
    const { kind, message, hint } = reportOf(error)
    if (kind !== 'usage') throw error
    problems.push({ place, message: message.replace(/^pare: /, ''), ...(hint !== undefined && { hint }) })
    return undefined
  }
}

/** 'evaluate', 'data' → 'evaluate.data'. */
export function placeIn(place: string, field: string): string {
  return place === '' ? field : `${place}.${field}`
}
