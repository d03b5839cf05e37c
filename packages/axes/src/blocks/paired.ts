import { keyOf } from '@pare/onnx'
import type { Slice } from '../units.js'
import type { Flow } from './flow.js'
import { type BlockStretch, inputsOf, isReadBy, ownSteps, type PassableBlock } from './passable-blocks.js'

/** Stretches of blocks in one branch of an If, each with the same blocks in the other: a block goes from both, or stays in both. */
export function paired(first: readonly BlockStretch[], second: readonly BlockStretch[]): readonly BlockStretch[] {
  return first.map(({ name, units }, at) => {
    const others = second[at]?.name === name ? second[at].units : []
    if (others.length === units.length) return { name, units: units.map((unit, i) => together(unit, others[i]!)) }
    const held = `the one branch has ${units.length} such blocks in a row, and the other ${others.length}`
    return { name, units: units.map((unit) => ({ ...unit, held: unit.held ?? held })) }
  })
}

function together(one: PassableBlock, other: PassableBlock): PassableBlock {
  const outputs = [...new Set([...one.block.outputs, ...other.block.outputs])]
  const [ownOne, ownOther] = [one, other].map((each) => stepsOf(each, outputs))
  const held = one.held ?? other.held ?? mismatch(one, other) ?? ownOne!.problem ?? ownOther!.problem
  const isOwn = (name: string) =>
    [
      { flow: one.flow, own: ownOne!.steps },
      { flow: other.flow, own: ownOther!.steps },
    ].every(({ flow, own }) => isReadBy(flow, name, own))
  const inputs = [
    ...(one.region === undefined ? [] : inputsOf(one.flow, one.region, [...ownOne!.steps])),
    ...(other.region === undefined ? [] : inputsOf(other.flow, other.region, [...ownOther!.steps])),
  ]
  const { from, to, nodes } = other.block
  return {
    ...{ flow: one.flow, region: one.region, slices: joined(one.slices, other.slices) },
    block: {
      ...one.block,
      nodes: [...new Set([...one.block.nodes, ...nodes])],
      inputs: [...new Set(inputs)].filter(isOwn),
      outputs,
      twin: { from, to },
    },
    ...(held !== undefined && { held }),
  }
}

/** Weights of both, or of one alone, as the keys of an encoder that the branch without a cache computes. */
function joined(one: PassableBlock['slices'], other: PassableBlock['slices']): PassableBlock['slices'] {
  const slices = new Map<string, Omit<Slice, 'units'>>(one.map((slice) => [slice.id, slice]))
  for (const slice of other) slices.set(slice.id, { ...slice, scored: slice.scored || slices.get(slice.id)?.scored === true })
  return [...slices.values()]
}

/** Blocks are the same where they share a weight or an output. */
function mismatch(one: PassableBlock, other: PassableBlock): string | undefined {
  const outputs = new Set(one.block.outputs)
  const ids = new Set(one.slices.map(({ id }) => id))
  const isSame = other.block.outputs.some((name) => outputs.has(name)) || other.slices.some(({ id }) => ids.has(id))
  if (isSame) return undefined
  return `'${one.block.to}' and '${other.block.to}' end blocks at the same place in both branches, and these share neither a weight nor an output`
}

interface OwnSteps {
  readonly steps: ReadonlySet<number>
  /** Why an output cannot go. */
  readonly problem?: string
}

/** The steps of a block in its branch, with those that only pass on what the other branch makes there: a cache that comes in and goes out. */
function stepsOf({ flow, region, block }: PassableBlock, outputs: readonly string[]): OwnSteps {
  const steps = new Set(region === undefined ? [] : ownSteps(flow, region))
  for (const name of outputs) {
    if (block.outputs.includes(name)) continue
    const passing = passedOn(flow, name)
    if (passing === undefined) return { steps, problem: `the output '${name}' goes with it in one branch, and not in the other` }
    for (const step of passing) steps.add(step)
  }
  return { steps }
}

/** Steps that hand an input of the model through to an output. Undefined where something is computed. None where it is a constant. */
function passedOn({ steps, maker, inputs }: Flow, output: string): readonly number[] | undefined {
  const passing: number[] = []
  let at = output
  for (let i = maker.get(at); i !== undefined; i = maker.get(at)) {
    const { node, reads } = steps[i]!
    if (node.op !== 'Identity' || keyOf(node) !== at) return undefined
    passing.push(i)
    if (reads.length === 0) return passing
    at = reads[0]!
  }
  return inputs.has(at) || passing.length === 0 ? passing : undefined
}
