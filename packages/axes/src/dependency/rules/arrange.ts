import { isRouted } from '../../experts/routing.js'
import { type Axis, atom, productOf, rootOf, sumOf } from '../axis.js'
import type { AxisRule, AxisSite } from '../site.js'
import { fromFront } from './broadcast.js'
import { tiePicked } from './picked.js'

/** Operators that move elements about without computing with them. */
export const arrange: readonly [string, AxisRule][] = [
  ['Transpose', transpose],
  ...['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'].map((name): [string, AxisRule] => [name, reshape]),
  ['Concat', concat],
  ['Split', split],
  ['Slice', slice],
  ['Gather', gather],
  ['Expand', expand],
  // What is computed from the sizes that these read is followed in sizes-read.ts.
  ['Shape', (site) => site.free(...(site.input(0) ?? []), ...(site.output(0) ?? []))],
  ['Size', (site) => site.free(...(site.input(0) ?? []))],
  ['ConstantOfShape', (site) => site.free(...(site.input(0) ?? []), ...(site.output(0) ?? []))],
]

function transpose(site: AxisSite): void {
  const x = site.input(0)
  if (x === undefined) return
  const perm = site.ints('perm') ?? [...x.keys()].reverse()
  for (const [i, axis] of (site.output(0) ?? []).entries()) site.tie(x[perm[i]!], axis)
}

/** Runs of axes with equal products are split and merged; the target shape is a size, not an axis. */
function reshape(site: AxisSite): void {
  const [x, out] = [site.input(0), site.output(0)]
  site.free(...(site.input(1) ?? []))
  if (x === undefined || out === undefined || [...x, ...out].some(({ size }) => size === 0)) return
  for (const { from, to } of runs(x, out)) tieRun(site, from, to)
}

interface Run {
  readonly from: readonly Axis[]
  readonly to: readonly Axis[]
}

/** The shortest stretches of axes on both sides that hold equally many elements. Axes of size 1 come and go. */
function runs(x: readonly Axis[], out: readonly Axis[]): Run[] {
  const list: Run[] = []
  let [i, j] = [0, 0]
  while (i < x.length || j < out.length) {
    const [from, to]: [Axis[], Axis[]] = [[], []]
    let [a, b] = [1, 1]
    do {
      if ((a <= b && i < x.length) || j >= out.length) a *= take(x[i++]!, from)
      else b *= take(out[j++]!, to)
    } while (a !== b && (i < x.length || j < out.length))
    if (a !== b) return list
    list.push({ from, to })
  }
  return list
}

function take(axis: Axis, into: Axis[]): number {
  into.push(axis)
  return axis.size
}

function tieRun(site: AxisSite, from: readonly Axis[], to: readonly Axis[]): void {
  const ones = [...from, ...to].filter(({ size }) => size === 1)
  const [xs, ys] = [from, to].map((axes) => axes.filter(({ size }) => size !== 1)) as [Axis[], Axis[]]
  site.free(...ones)
  if (xs.length === 0 || ys.length === 0) return
  if (xs.length === 1 && ys.length === 1) return site.tie(xs[0], ys[0])
  site.tie(productOf(xs), productOf(ys))
  site.free(...xs, ...ys)
}

function concat(site: AxisSite): void {
  joined(site, [...site.node.inputs.keys()])
}

/** These inputs, one after another. */
export function joined(site: AxisSite, operands: readonly number[]): void {
  const out = site.output(0)
  if (out === undefined) return
  const at = fromFront(site.int('axis', 1), out.length)
  const inputs = operands.map((i) => site.input(i))
  if (inputs.some((input) => input?.length !== out.length)) return
  for (const input of inputs) for (const i of out.keys()) if (i !== at) site.tie(input![i], out[i])
  const parts = inputs.map((input) => input![at]!)
  // Single values side by side may be those of experts: they are held, unless it turns out so.
  if (parts.length > 1 && parts.every(({ size }) => size === 1)) site.stack(out[at]!)
  else site.tie(out[at], sumOf(parts))
  site.free(...parts)
}

function split(site: AxisSite): void {
  const x = site.input(0)
  if (x === undefined) return
  const at = fromFront(site.int('axis', 0), x.length)
  const outputs = site.node.outputs.map((_, i) => site.output(i))
  if (outputs.some((output) => output === undefined)) return
  for (const output of outputs) for (const i of x.keys()) if (i !== at) site.tie(x[i], output![i])
  const parts = outputs.map((output) => output![at]!)
  if (isRouted(x[at]) && parts.every(({ size }) => size === 1)) for (const i of parts.keys()) site.pick(x[at], i, i)
  else site.tie(x[at], sumOf(parts))
  site.free(...parts, ...(site.input(1) ?? []))
}

/** Whole axes pass; a stretch with step 1 is a part of the axis; every k-th position of it is a factor; anything else holds it fast. */
function slice(site: AxisSite): void {
  const [x, out] = [site.input(0), site.output(0)]
  const starts = site.ints('starts') ?? site.elements(1)
  const axes = slicedAxes(site, starts?.length)
  if (x === undefined || out === undefined || axes === undefined) return
  const cut = new Map(axes.map((axis, i) => [fromFront(axis, x.length), i]))
  const steps = site.input(4) === undefined ? axes.map(() => 1) : site.elements(4)
  for (const [i, axis] of x.entries()) {
    const which = cut.get(i)
    if (which === undefined) site.tie(axis, out[i])
    else if (isRouted(axis) && out[i]!.size === 1 && axis.size > 1 && starts?.[which] !== undefined && site.isFixed(0, i))
      site.pick(axis, starts[which] < 0 ? starts[which] + axis.size : starts[which], 0)
    else if (steps?.[which] !== 1)
      tieSteps(site, { from: axis, out: out[i]!, start: starts?.[which], step: steps?.[which], at: i })
    else if (axis.size === out[i]!.size && rootOf(axis).pin === undefined) site.tie(axis, out[i])
    else if (starts?.[which] !== undefined && site.isFixed(0, i)) tiePart(site, axis, { part: out[i]!, start: starts[which] })
  }
  for (const parameter of [1, 2, 3, 4]) site.free(...(site.input(parameter) ?? []))
}

/** The axes that are sliced: all from the first on where none are listed. Undefined: not known. */
function slicedAxes(site: AxisSite, count: number | undefined): readonly number[] | undefined {
  const listed = site.ints('axes') ?? site.value(3)
  if (listed !== undefined || site.input(3) !== undefined || count === undefined) return listed
  return [...Array(count).keys()]
}

function tiePart(site: AxisSite, axis: Axis, { part, start }: { part: Axis; start: number }): void {
  const from = Math.min(Math.max(start < 0 ? start + axis.size : start, 0), axis.size)
  const rest = axis.size - from - part.size
  if (rest < 0) return
  site.tie(axis, sumOf([atom(from), part, atom(rest)]))
  site.free(part)
}

interface Steps {
  readonly from: Axis
  readonly out: Axis
  /** Undefined: not known. */
  readonly start: number | undefined
  readonly step: number | undefined
  readonly at: number
}

function tieSteps(site: AxisSite, { from, out, start, step, at }: Steps): void {
  if (start === undefined || step === undefined || !site.isFixedInput(0, at)) return
  const first =
    step > 0 ? Math.max(start < 0 ? start + from.size : start, 0) : Math.min(start < 0 ? start + from.size : start, from.size - 1)
  tiePicked(site, { from, out, positions: Array.from({ length: out.size }, (_, i) => first + i * step), isListed: false })
}

/** Rows of a table: its other axes pass. The axis itself is held, unless the same positions are always taken, in an order that can be told. */
function gather(site: AxisSite): void {
  const [data, indices, out] = [site.input(0), site.input(1), site.output(0)]
  if (data === undefined || indices === undefined || out === undefined) return
  const at = fromFront(site.int('axis', 0), data.length)
  for (let i = 0; i < at; i++) site.tie(data[i], out[i])
  for (let i = at + 1; i < data.length; i++) site.tie(data[i], out[i + indices.length - 1])
  const chosen = site.positions(1)
  if (chosen !== undefined && chosen.size === data[at]!.size) {
    for (const [i, index] of indices.entries()) site.tie(index, out[at + i])
    site.readPositions(1)
    return site.tie(data[at], chosen)
  }
  const [only, ...others] = site.value(1) ?? []
  if (only !== undefined && others.length === 0 && isRouted(data[at]) && data[at].size > 1) {
    site.free(...indices, ...(indices.length === 1 ? [out[at]] : []))
    return site.pick(data[at], only < 0 ? only + data[at].size : only, 0)
  }
  const positions = indices.length === 1 && site.isFixedInput(0, at) ? site.value(1) : undefined
  if (positions === undefined) for (const [i, index] of indices.entries()) site.tie(index, out[at + i])
  else {
    // What is taken stands in the indices, which are written anew: they are no axis of what is cut, nor of what changes places.
    const from = data[at]!
    tiePicked(site, {
      ...{ from, out: out[at]!, isListed: true },
      positions: positions.map((index) => (index < 0 ? index + from.size : index)),
    })
    site.free(...indices)
  }
  if (site.isConstant(0) && data.length === 2) site.role('embedding', data[1 - at])
}

/** Positions of a stretched axis repeat what was one. Of a mask, which no weight made, that says nothing of what it is spread over. */
function expand(site: AxisSite): void {
  const [x, out] = [site.input(0), site.output(0)]
  if (x === undefined || out === undefined) return
  site.free(...(site.input(1) ?? []))
  for (let i = 1; i <= out.length; i++) {
    const [from, to] = [x.at(-i), out.at(-i)!]
    if (from !== undefined && from.size === to.size) site.tie(from, to)
    else {
      site.free(from)
      if (site.isFixed(0, out.length - i)) site.free(to)
      if (site.isWeighted(0)) site.role('repeat', to)
    }
  }
}
