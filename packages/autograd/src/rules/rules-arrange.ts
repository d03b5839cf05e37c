import { each, type GradientRules, only } from '../site/rule.js'
import type { GradientRule, GradientSite } from '../site/site.js'

/** The same elements in another shape. */
const reshaped = only([0], (site) => [site.reshapeLike(site.gradient, site.input(0))])

const transposed: GradientRule = (site) => {
  const rank = site.rank(site.input(0))
  const perm = site.ints('perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)
  const back = [...perm.keys()].sort((a, b) => perm[a]! - perm[b]!)
  return [site.transpose(site.gradient, back)]
}

/** The parts of ȳ, one for each input. */
const concat: GradientRule = (site) => {
  const axis = site.axis(site.output(0), site.int('axis', 0))
  const { inputs } = site.node
  if (inputs.length === 1) return [site.gradient]
  const sizes = inputs.map((input) => site.dims(input)[axis]!)
  const split = sizes.every((size) => typeof size === 'number')
    ? site.emit.ints(sizes as readonly number[])
    : site.emit.node(
        'Concat',
        inputs.map((input) => site.size(input, axis)),
        { axis: 0n },
      )
  return site.emit.outputs('Split', [site.gradient, split], { axis: BigInt(axis) }, { outputs: inputs.length })
}

/** The gradients of the parts, one behind the other, zeros where there is none. */
const split: GradientRule = (site) => {
  const axis = site.axis(site.input(0), site.int('axis', 0))
  const parts = site.node.outputs.map((_, i) => site.gradientOf(i) ?? zerosLike(site, site.output(i)))
  return [parts.length === 1 ? parts[0] : site.emit.node('Concat', parts, { axis: BigInt(axis) })]
}

export function zerosLike(site: GradientSite, value: string): string {
  return site.emit.node('Expand', [site.emit.float(0), site.shape(value)])
}

/** What was cut off is zero: with steps of 1 ȳ is padded, else its elements go back one by one. */
const slice: GradientRule = (site) => {
  const x = site.input(0)
  const rank = site.rank(x)
  const starts = site.constant(site.input(1))
  const count = starts?.length ?? site.dims(site.input(1))[0]
  if (typeof count !== 'number') throw site.refuse('how many axes it cuts is computed while the model runs')
  const axes = site.has(3) ? site.constantInput(3, 'axes') : Array.from({ length: count }, (_, i) => i)
  const steps = site.has(4) ? site.constantInput(4, 'steps') : axes.map(() => 1)
  const plain = axes.every((_, i) => steps[i] === 1 && starts !== undefined)
  if (!plain)
    return [
      axes.reduceRight(
        (g, axis, i) => scattered(site, g, { axis: site.axis(x, axis), i, last: i === axes.length - 1 && i === 0 }),
        site.gradient,
      ),
    ]
  const [before, behind] = [0, 0].map(() => Array.from({ length: rank }, () => site.emit.ints([0]))) as [string[], string[]]
  for (const [i, each] of axes.entries()) {
    const axis = site.axis(x, each)
    const [whole, start] = [site.size(x, axis), starts![i]!]
    const size = site.dims(x)[axis]!
    const begin =
      typeof size === 'number'
        ? site.emit.ints([Math.min(size, Math.max(0, start < 0 ? start + size : start))])
        : start < 0
          ? site.emit.node('Max', [site.emit.node('Add', [whole, site.emit.ints([start])]), site.emit.ints([0])])
          : site.emit.node('Min', [whole, site.emit.ints([start])])
    before[axis] = begin
    const length = site.emit.node('Shape', [site.gradient], { start: BigInt(axis), end: BigInt(axis + 1) })
    behind[axis] = site.sub(site.sub(whole, begin), length)
  }
  return [site.emit.node('Pad', [site.gradient, site.emit.node('Concat', [...before, ...behind], { axis: 0n })])]
}

/** Gradients back to the positions along one axis that were taken, in whatever order; the others stay for their own turn. */
function scattered(site: GradientSite, g: string, { axis, i }: { axis: number; i: number; last: boolean }): string {
  const x = site.input(0)
  const one = (input: number, otherwise: string) =>
    site.has(input) ? site.emit.node('Slice', [site.input(input), site.emit.ints([i]), site.emit.ints([i + 1])]) : otherwise
  const size = site.size(x, axis)
  const scalar = site.emit.node('Squeeze', [size, site.emit.ints([0])])
  const all = site.emit.node('Range', [site.emit.ints(0), scalar, site.emit.ints(1)])
  const positions = site.emit.node('Slice', [all, one(1, ''), one(2, ''), site.emit.ints([0]), one(4, site.emit.ints([1]))])
  return site.scatterAdd(g, positions, { axis, size })
}

/** Repeated elements: their gradients add up. */
const expand: GradientRule = (site) => [site.reduceTo(site.gradient, site.output(0), site.input(0))]

export const arranging: GradientRules = {
  ...each('Reshape Squeeze Unsqueeze', reshaped),
  Flatten: reshaped,
  Transpose: transposed,
  Concat: concat,
  Split: only([0], split),
  Slice: only([0], slice),
  Expand: only([0], expand),
}
