import { PareError } from '@pare/onnx'
import type { Pattern } from '../contract/contract.js'
import type { PruneStep } from '../plan/plan.js'
import { checkSearch } from '../search/search-options.js'
import { searchOf } from './allocation.js'

/** Throws PareError where a step spreads its target in a way that does not go with the rest of what it says. */
export function checkAllocation(step: PruneStep, pattern?: Pattern['kind']): void {
  checkNumbers(step)
  const search = searchOf(step.allocation)
  if (search !== undefined) checkSearch(search)
  const why = allocationProblem(step, pattern) ?? normalizeProblem(step, pattern)
  if (why !== undefined) throw new PareError(`${why[0]}.`, { hint: why[1] })
}

type Problem = readonly [what: string, hint: string]

function allocationProblem(
  { structure, criterion, allocation, scope, sequential, target }: PruneStep,
  pattern?: Pattern['kind'],
): Problem | undefined {
  if (allocation === undefined) return undefined
  const leave = 'leave --allocation out'
  if (structure.kind === 'cut')
    return [`allocation spreads zeros over weights, and structure '${structure.name}' cuts units`, leave]
  if (pattern === 'nm')
    return [`allocation spreads zeros over weights, and structure '${structure.name}' takes as many of each`, leave]
  if (criterion.kind === 'solver') {
    const isOwl = allocation === 'owl' || (typeof allocation === 'object' && 'owl' in allocation)
    return isOwl
      ? [
          `allocation owl looks at saliencies, and '${criterion.name}' is a solver`,
          'say --allocation fisher, search or erk, or measured curves',
        ]
      : undefined
  }
  if (scope === 'global' || scope === 'group')
    return [
      `scope '${scope}' ranks weights together, and allocation tells how much of each goes`,
      'say --scope tensor or row, or leave --allocation out',
    ]
  if (sequential === true && allocation !== 'uniform' && allocation !== 'fisher' && searchOf(allocation) === undefined)
    return ['allocation looks at all weights at once, and sequential pruning at one block after another', 'leave one of them out']
  if (target !== undefined && 'threshold' in target)
    return [
      'allocation spreads a sparsity over weights, and a threshold is the same for all',
      'say --sparsity 0.5, or leave --allocation out',
    ]
  return undefined
}

function normalizeProblem(
  { structure, criterion, allocation, normalize, scope, target }: PruneStep,
  pattern?: Pattern['kind'],
): Problem | undefined {
  if (normalize === undefined) return undefined
  const leave = 'leave --normalize out'
  if (structure.kind === 'cut')
    return [`normalize ${normalize} compares elements of weights, and structure '${structure.name}' cuts units`, leave]
  if (pattern !== undefined && pattern !== 'free')
    return [`normalize ${normalize} compares single elements, and structure '${structure.name}' takes blocks`, leave]
  if (criterion.kind === 'solver') return [`normalize ${normalize} needs a saliency, and '${criterion.name}' is a solver`, leave]
  if (allocation !== undefined)
    return [`normalize ${normalize} decides how much of each weight goes, and so does allocation`, 'leave one of them out']
  if (scope !== undefined && scope !== 'global')
    return [
      `normalize ${normalize} makes weights comparable, and scope '${scope}' does not compare them`,
      'say --scope global, or leave --normalize out',
    ]
  if (target !== undefined && 'threshold' in target)
    return [`normalize ${normalize} ranks by scores of its own, and a threshold is one of saliencies`, 'say --sparsity 0.5']
  return undefined
}

function checkNumbers({ allocation }: PruneStep): void {
  if (typeof allocation !== 'object' || !('owl' in allocation)) return
  for (const [name, value] of Object.entries(allocation.owl)) {
    if (Number.isFinite(value) && value >= 0) continue
    throw new PareError(`allocation owl: ${name} is ${value}; a finite number from 0 on was expected.`, {
      hint: 'leave it out: lambda is 0.08 and outlier 5 then.',
    })
  }
}
