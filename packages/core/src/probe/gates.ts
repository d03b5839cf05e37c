import type { Contraction } from '@pare/axes'
import { type Axis, atomsOf, type Coupling, findCoupling, flattened, LOWEST, unitsAlong, withGatedEnds } from '@pare/axes'
import {
  dataTypeCode,
  editGraph,
  editModel,
  editNode,
  GraphWriter,
  keyOf,
  type Model,
  makeValueInfo,
  type Node,
  PareError,
} from '@pare/onnx'
import { ANOTHER } from '../apply/removed-units.js'
import type { BlockGroup, CoupledGroup, UnitGroup } from '../contract/contract.js'
import type { Setting } from './trials.js'

/** A model whose units have factors, and the factors that leave it as it is. */
export interface GatedModel {
  readonly model: Model
  readonly defaults: Setting
}

/** Name of the input that holds the factors of a group's units, f32[units]. */
export const gateOf = (id: string) => `gate/${id}`

/**
 * The model with the units of some groups multiplied by inputs: wherever values are summed over them, and of a block g · end + (1 − g) · beginning.
 * With factors of 0 it computes what the cut model does, with factors of 1 what it did. Throws PareError for groups along which statistics are taken.
 */
export async function withGates(whole: Model, groups: readonly UnitGroup[]): Promise<GatedModel> {
  const coupling = await findCoupling(whole)
  const { model, nest } = flattened(whole)
  const { graph } = model
  const writer = new GraphWriter(graph, 'gates')
  const gates = new GateWriter(model.opsets.get('') ?? 1, writer)
  const coupled = groups.filter((group) => group.kind === 'coupled')
  const blocks = groups.filter((group) => group.kind === 'block')
  const sitesOf = contractionsOf(coupled, coupling)
  for (const node of model.graph.nodes) gates.gated(node, sitesOf.get(node) ?? [])
  const within = editModel(model, {
    graph: editGraph(graph, {
      nodes: writer.nodes,
      initializers: [...graph.initializers, ...writer.constants],
      inputs: [
        ...graph.inputs,
        ...groups.map(({ id, units }) => makeValueInfo({ name: gateOf(id), type: 'float32', shape: [units] })),
      ],
    }),
  })
  const defaults = groups.map(({ id, units }) => {
    return [gateOf(id), { type: 'float32', shape: [units], data: new Float32Array(units).fill(1) }] as const
  })
  return { model: withGatedEnds(nest(within), blocks.map(factorsOf)), defaults: Object.fromEntries(defaults) }
}

const factorsOf = (group: BlockGroup) => ({ group, input: gateOf(group.id) })

/** A contraction, and the groups whose units are summed over there. */
interface GateSite extends Contraction {
  readonly rank: number
  readonly gates: readonly { readonly group: CoupledGroup; readonly atom: Axis }[]
}

type GatePlace = GateSite & { readonly group: CoupledGroup; readonly atom: Axis }

function contractionsOf(groups: readonly CoupledGroup[], { atoms, dependencies }: Coupling): Map<Node, GateSite[]> {
  const gates = groups.map((group) => {
    const atom = atoms.get(group.id)
    if (atom?.size !== group.units) throw new PareError(`the model has no group '${group.id}' of ${group.units} units.`, ANOTHER)
    if (group.roles.has('norm')) throw seenByNorm(group)
    return { group, atom }
  })
  const sites = new Map<Node, GateSite[]>()
  for (const site of dependencies.contractions) {
    const within = atomsOf(site.along)
    const own = gates.filter(({ atom }) => within.has(atom))
    const rank = dependencies.axesAt(keyOf(site.node), site.input)?.length
    if (own.length === 0 || rank === undefined) continue
    sites.set(site.node, [...(sites.get(site.node) ?? []), { ...site, rank, gates: own }])
  }
  return sites
}

function seenByNorm({ id }: CoupledGroup): PareError {
  return new PareError(
    `the units of '${id}' cannot be tried one by one: a normalisation takes statistics over them, so a factor 0 is not removal.`,
    { hint: 'judge them by their weights or by activations: --criterion magnitude or activation.' },
  )
}

/** Nodes of a gated model, as they are put together. */
class GateWriter {
  constructor(
    private readonly opset: number,
    readonly writer: GraphWriter,
  ) {}

  /** A node that sums over units reads them multiplied by their factors. */
  gated(node: Node, sites: readonly GateSite[]): void {
    let now = node
    for (const site of sites) {
      let name = now.inputs[site.input]!
      for (const { group, atom } of site.gates) {
        const gate = { ...site, group, atom }
        name = site.isCompetition
          ? this.#gatedChoice(name, gate)
          : site.zero === undefined
            ? this.writer.node('Mul', [name, this.#factor(name, gate)])
            : this.#gatedCodes(name, node.inputs[site.zero], gate)
      }
      now = editNode(now, { inputs: now.inputs.map((each, i) => (i === site.input ? name : each)) })
    }
    this.writer.nodes.push(now)
  }

  /** Numbers that compete: with a factor of 0 they are below all others. */
  #gatedChoice(name: string, gate: GatePlace): string {
    const factor = this.#factor(name, gate)
    const missing = this.writer.node('Sub', [factor, this.#like(this.writer.float(1), name)])
    return this.writer.node('Add', [name, this.writer.node('Mul', [missing, this.#like(this.writer.float(-LOWEST), name)])])
  }

  #like(constant: string, value: string): string {
    return this.opset >= 15 ? this.writer.node('CastLike', [constant, value]) : constant
  }

  /** Codes whose distance from their zero point is multiplied by the factor, and rounded. */
  #gatedCodes(codes: string, zero: string | undefined, gate: GatePlace): string {
    const scaling = [this.writer.float(1), ...(zero ? [zero] : [])]
    const distance = this.writer.node('DequantizeLinear', [codes, ...scaling])
    return this.writer.node('QuantizeLinear', [this.writer.node('Mul', [distance, this.#factor(distance, gate)]), ...scaling])
  }

  /** [size of the axis, 1, …]: of each position the factor of its unit, 1 where it belongs to none. */
  #factor(value: string, { group, atom, along, axis, rank }: GatePlace): string {
    const units = unitsAlong(along, atom).map((unit) => (unit < 0 ? group.units : unit))
    const one = this.writer.floats([1], [1])
    const factors = this.writer.node('Concat', [gateOf(group.id), one], { axis: 0n })
    const spread = this.writer.node('Gather', [factors, this.writer.ints([...units])], { axis: 0n })
    const shaped = this.writer.node('Reshape', [spread, this.writer.ints([units.length, ...new Array(rank - 1 - axis).fill(1)])])
    if (this.opset >= 15) return this.writer.node('CastLike', [shaped, value])
    const type = group.slices[0]!.tensor.type
    return type === 'float32' ? shaped : this.writer.node('Cast', [shaped], { to: BigInt(dataTypeCode(type)) })
  }
}
