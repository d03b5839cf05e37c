import { madeBy } from '@pare/onnx'
import { isRoutedInGroups } from '../../experts/routing.js'
import { addRole, atom, atomsOf, pin, productOf } from '../axis.js'
import type { AxisRule, AxisSite } from '../site.js'
import { each, fromFront, tieAll, tieBroadcast } from './broadcast.js'

/** Operators that divide by a statistic of their input. */
export const normalize: readonly [string, AxisRule][] = [
  ['BatchNormalization', batchNormalization],
  ['InstanceNormalization', instanceNormalization],
  ['GroupNormalization', groupNormalization],
  ...each('LayerNormalization RMSNormalization SimplifiedLayerNormalization', layerNormalization),
  ['com.microsoft.SkipLayerNormalization', skipNormalization([2, 3, 4])],
  ['com.microsoft.SkipSimplifiedLayerNormalization', skipNormalization([2, 3])],
  ['com.microsoft.EmbedLayerNormalization', embedLayerNormalization],
  ['LpNormalization', lpNormalization],
  ['LRN', lrn],
  ['MeanVarianceNormalization', meanVarianceNormalization],
  ...each('Softmax LogSoftmax Hardmax', softmax),
]

/** Channel by channel, with a vector of parameters each. In training the statistics run over the other axes: those are held. */
function batchNormalization(site: AxisSite): void {
  const [x, out] = [site.input(0), site.output(0)]
  // Before opset 9, `spatial = 0` has parameters for each position.
  if (x === undefined || out === undefined || [1, 2, 3, 4].some((i) => site.input(i)?.length !== 1)) return
  const isTraining = site.int('training_mode', 0) === 1 || madeBy(site.node).length > 1
  tieAll(site, x, out, (axis) => isTraining && axis !== 1)
  for (const i of [1, 2, 3, 4]) {
    site.tie(site.input(i)?.[0], out[1])
    site.tie(site.output(i)?.[0], out[1])
  }
}

/** Statistics of each channel of each instance over the positions: those are held. */
function instanceNormalization(site: AxisSite): void {
  const [x, out] = [site.input(0), site.output(0)]
  if (x === undefined || out === undefined) return
  tieAll(site, x, out, (axis) => axis > 1)
  for (const parameter of [1, 2]) site.tie(site.input(parameter)?.[0], out[1])
}

/**
 * Channels = groups × channels of a group; statistics over the latter, so that groups may go whole. Scale and bias: of groups (opset 18) or of channels (21).
 */
function groupNormalization(site: AxisSite): void {
  const [x, out] = [site.input(0), site.output(0)]
  const groups = site.int('num_groups', 0)
  if (x?.[1] === undefined || out === undefined || groups < 1 || x[1].size % groups !== 0) return
  const [outer, inner] = [atom(groups), atom(x[1].size / groups)]
  site.role('norm', inner)
  site.tie(x[0], out[0])
  site.tie(x[1], productOf([outer, inner]))
  site.tie(x[1], out[1])
  for (const parameter of [1, 2]) {
    const axis = site.input(parameter)?.[0]
    site.tie(axis, axis?.size === out[1]!.size ? out[1] : outer)
  }
}

/** Statistics over the axes from `axis` on. */
function layerNormalization(site: AxisSite): void {
  const [x, out] = [site.input(0), site.output(0)]
  if (x === undefined || out === undefined) return
  tieAll(site, x, out)
  for (const parameter of [1, 2]) {
    const axes = site.input(parameter)
    if (axes !== undefined) tieBroadcast(site, axes, out)
  }
  site.role('norm', ...x.slice(fromFront(site.int('axis', -1), x.length)))
  for (const extra of [1, 2]) {
    for (const [i, axis] of (site.output(extra) ?? []).entries()) if (axis.size !== 1) site.tie(x[i], axis)
  }
}

/** out = norm(input + skip + bias) · γ + β. Output 3 is the sum. */
function skipNormalization(parameters: readonly number[]): AxisRule {
  return (site) => {
    const [x, skip, out, sum] = [site.input(0), site.input(1), site.output(0), site.output(3)]
    if (x === undefined || skip === undefined || out === undefined) return
    tieAll(site, x, out)
    tieAll(site, x, sum)
    tieBroadcast(site, skip, out)
    for (const parameter of parameters) site.tie(site.input(parameter)?.[0], out.at(-1))
    site.role('norm', x.at(-1))
    for (const extra of [1, 2]) tieAll(site, site.output(extra), x, (axis) => axis === x.length - 1)
  }
}

/** out = norm(words[ids] + positions + segments[segment ids]) · γ + β. Output 2 is the sum. */
function embedLayerNormalization(site: AxisSite): void {
  const [ids, out, sum] = [site.input(0), site.output(0), site.output(2)]
  if (ids === undefined || out === undefined) return
  const width = out.at(-1)
  for (const [i, axis] of ids.entries()) site.tie(axis, out[i])
  for (const table of [2, 3, 4]) {
    const axis = site.input(table)?.at(-1)
    site.tie(axis, width)
    if (site.isConstant(table)) site.role('embedding', axis)
  }
  for (const parameter of [5, 6]) site.tie(site.input(parameter)?.[0], width)
  tieAll(site, sum, out)
  site.role('norm', width)
}

/** x ÷ ‖x‖ along an axis: a position that is 0 adds nothing to the norm, so a factor 0 at the input equals removal. */
function lpNormalization(site: AxisSite): void {
  const [x, out] = [site.input(0), site.output(0)]
  if (x === undefined || out === undefined) return
  tieAll(site, x, out)
  site.contract(0, fromFront(site.int('axis', -1), x.length))
}

/** Windows slide over the channels. */
function lrn(site: AxisSite): void {
  tieAll(site, site.input(0), site.output(0), (axis) => axis === 1)
}

function meanVarianceNormalization(site: AxisSite): void {
  const [x, out] = [site.input(0), site.output(0)]
  if (x === undefined || out === undefined) return
  tieAll(site, x, out)
  site.role('norm', ...(site.ints('axes') ?? [0, 2, 3]).map((axis) => x[fromFront(axis, x.length)]))
}

/** Since opset 13 all axes but `axis` (default: the last) pass. Before, those from `axis` (default: 1) on are one axis, and those before it pass. */
function softmax(site: AxisSite): void {
  const [x, out] = [site.input(0), site.output(0)]
  if (x === undefined || out === undefined) return
  const isOld = site.opset < 13
  const over = fromFront(site.int('axis', isOld ? 1 : -1), x.length)
  tieAll(site, x, out, (axis) => isOld && axis > over)
  const says = `${site.node.op} '${site.name}' works along it`
  // Shares of experts may become fewer: those of the others grow.
  const isMade = [...atomsOf(x[over]!)].every(({ roles, pin: held }) => roles.has('matmul-out') && held === undefined)
  const isRouter = site.node.op === 'Softmax' && isMade
  if (isRouter && (!isOld || over === x.length - 1)) addRole(x[over]!, 'chosen')
  if (!isRouter || !isRoutedInGroups(x[over])) return pin(out[over]!, says)
  site.route(0, over, says)
  site.tie(x[over], out[over])
  site.vanish(0, x[over])
}
