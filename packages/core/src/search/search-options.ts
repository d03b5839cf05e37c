import { PareError } from '@pare/onnx'
import type { LadderOptions } from './ladder.js'

export interface SearchOptions extends LadderOptions {
  /** Models that are tried, at most; on a part of the samples counts as one. Default: 200 and five for each weight, or no limit where minutes are given */
  readonly trials?: number
  /** After which no new round of trials begins, the time of earlier runs that were stopped included. Another run may find other shares. Default: no limit */
  readonly minutes?: number
}

/** Trials that are made where nothing limits them: each weight is tried alone at two levels, and some generations follow. */
export function defaultTrials(weights: number): number {
  return 200 + 5 * weights
}

/** Throws PareError where an option of a search is out of range. */
export function checkSearch({ trials, minutes, ...ladder }: SearchOptions): void {
  checkLadder(ladder)
  if (trials !== undefined && !(Number.isInteger(trials) && trials >= 1))
    throw new PareError(`allocation search: trials is ${trials}; a whole number from 1 on was expected.`, {
      hint: 'search:trials=400 tries 400 models out.',
    })
  if (minutes !== undefined && !(minutes > 0))
    throw new PareError(`allocation search: minutes is ${minutes}; a number above 0 was expected.`, { hint: 'search:minutes=10' })
}

function checkLadder({ levels = 7, step = 0.05 }: LadderOptions): void {
  if (!(Number.isInteger(levels) && levels >= 3 && levels % 2 === 1))
    throw new PareError(`allocation search: levels is ${levels}; an odd number from 3 on was expected.`, {
      hint: 'search:levels=7 is the default: the share that a weight starts at, and three on either side.',
    })
  if (!(step > 0 && step < 1))
    throw new PareError(`allocation search: step is ${step}; a number above 0 and below 1 was expected.`, {
      hint: 'search:step=0.05 is the default: levels are a twentieth of a weight apart.',
    })
}
