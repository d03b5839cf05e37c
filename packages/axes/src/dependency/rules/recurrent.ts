import { type Axis, atom, pin, productOf } from '../axis.js'
import type { AxisRule, AxisSite } from '../site.js'

/** Layers that read a sequence step by step. A hidden unit is one in all its gates; both directions, which stand in the same tensors, lose the same units. */
export const recurrent: readonly [string, AxisRule][] = [
  ['LSTM', layer(4)],
  ['GRU', layer(3)],
  ['RNN', layer(1)],
]

/**
 * X f32[seq, batch, in] with W f32[directions, gates · units, in], R f32[directions, gates · units, units] and B f32[directions, 2 · gates · units]; states
 * f32[directions, batch, units], peepholes f32[directions, 3 · units]; Y f32[seq, directions, batch, units]. A removed unit does not feed back where R is 0
 * along it.
 */
function layer(gates: number): AxisRule {
  return (site) => {
    const [x, w, r] = [site.input(0), site.input(1), site.input(2)]
    const units = r?.[2]
    if (x?.length !== 3 || w?.length !== 3 || units === undefined) return
    if (w[1]!.size !== gates * units.size || r![1]!.size !== gates * units.size) return
    if (site.int('layout', 0) !== 0) return hold(site)
    const gated = (count: number) => productOf([atom(count, `${site.node.op} '${site.name}' counts its gates`), units])
    site.tie(x[2], w[2])
    site.contract(0, 2)
    site.contract(2, 2)
    for (const axis of [w[1], r![1]]) site.tie(axis, gated(gates))
    site.tie(site.input(3)?.[1], gated(2 * gates))
    site.tie(site.input(7)?.[1], gated(3))
    tieStates(site, units, x[1]!)
    site.role('matmul-in', x[2], units)
    site.role('matmul-out', units)
    site.role('recurrent', units)
  }
}

/** Lengths of sequences, the first and last states, and the states of all steps. */
function tieStates(site: AxisSite, units: Axis, batch: Axis): void {
  site.tie(site.input(4)?.[0], batch)
  for (const state of [site.input(5), site.input(6), site.output(1), site.output(2)]) {
    site.tie(state?.[1], batch)
    site.tie(state?.[2], units)
  }
  site.tie(site.output(0)?.[2], batch)
  site.tie(site.output(0)?.[3], units)
}

function hold(site: AxisSite): void {
  const values = [...site.node.inputs.map((_, i) => site.input(i)), ...site.node.outputs.map((_, i) => site.output(i))]
  for (const axis of values.flatMap((axes) => axes ?? []))
    pin(axis, `${site.node.op} '${site.name}' has the batch first (layout = 1), which ONNX Runtime does not compute`)
}
