import { type GradientRules, only } from '../site/rule.js'
import type { GradientRule, GradientSite, Gradients } from '../site/site.js'

/** With a constant around it x̄ is cut out of ȳ again, and the constant's gradient is the sum of the rest; else gradients go back to the places that were copied. */
const pad: GradientRule = (site): Gradients => {
  if (site.string('mode', 'constant') !== 'constant') return [copies(site)]
  const [x, pads, value] = [site.input(0), site.input(1), site.input(2)]
  const axes = site.has(3) ? ['', site.input(3)] : []
  const cut = site.emit.node('Pad', [site.gradient, site.neg(pads), ...axes])
  if (!site.wants(2)) return [cut]
  const all = (of: string) =>
    site.sum(
      of,
      Array.from({ length: site.rank(x) }, (_, i) => i),
      false,
    )
  return [cut, undefined, site.reshapeLike(site.sub(all(site.gradient), all(cut)), value)]
}

/** Positions of x, padded like x, say for each axis where y took its elements from. */
function copies(site: GradientSite): string {
  const [x, pads] = [site.input(0), site.input(1)]
  const axes = site.has(3) ? site.constantInput(3, 'axes') : Array.from({ length: site.rank(x) }, (_, i) => i)
  const amounts = site.constant(pads)
  return axes.reduce((g, position, i) => {
    if (amounts?.[i] === 0 && amounts[i + axes.length] === 0) return g
    const axis = site.axis(x, position)
    const size = site.size(x, axis)
    const scalar = site.emit.node('Squeeze', [size, site.emit.ints([0])])
    const places = site.emit.node('Range', [site.emit.ints(0), scalar, site.emit.ints(1)])
    const own = site.emit.node('Gather', [pads, site.emit.ints([i, i + axes.length])])
    const sources = site.emit.node('Pad', [places, own], { mode: site.string('mode', 'constant') })
    return site.scatterAdd(g, sources, { axis, size })
  }, site.gradient)
}

/** ȳ as [repeats, size] for each axis, summed over the repeats. */
const tile: GradientRule = (site) => {
  const [x, repeats] = [site.input(0), site.input(1)]
  const counts = site.constant(repeats)
  const parts = site.dims(x).flatMap((_, axis) => {
    const times =
      counts === undefined ? site.emit.node('Gather', [repeats, site.emit.ints([axis])]) : site.emit.ints([counts[axis]!])
    return [times, site.size(x, axis)]
  })
  const apart = site.reshape(site.gradient, site.emit.node('Concat', parts, { axis: 0n }))
  const axes = site.dims(x).map((_, axis) => 2 * axis)
  return [site.sum(apart, axes, false)]
}

/** What was set to 0 has no gradient. */
const triangle: GradientRule = (site) => [
  site.emit.node('Trilu', [site.gradient, ...site.node.inputs.slice(1)], { upper: BigInt(site.int('upper', 1)) }),
]

/** The same elements where they were: with mode CRD the channels are those of DCR in another order. */
const depthToSpace: GradientRule = (site) => {
  const x = site.input(0)
  const block = site.int('blocksize', 1)
  const deep = site.emit.node('SpaceToDepth', [site.gradient], { blocksize: BigInt(block) })
  if (site.string('mode', 'DCR') === 'DCR') return [deep]
  const shape = site.emit.node('Concat', [site.size(x, 0), site.emit.ints([block * block]), channels(), site.emit.ints([-1])], {
    axis: 0n,
  })
  return [site.reshapeLike(site.transpose(site.reshape(deep, shape), [0, 2, 1, 3]), x)]

  function channels(): string {
    return site.size(site.output(0), 1)
  }
}

const spaceToDepth: GradientRule = (site) => [
  site.emit.node('DepthToSpace', [site.gradient], { blocksize: BigInt(site.int('blocksize', 1)), mode: 'DCR' }),
]

export const layout: GradientRules = {
  Pad: only([0, 2], pad),
  Tile: only([0], tile),
  Trilu: only([0], triangle),
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
}
