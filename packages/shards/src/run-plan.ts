import { createHash } from 'node:crypto'

/** A model of a run, as far as it decides how the run is spread. */
export interface SpreadModel {
  /** Its name in the run. */
  readonly model: string
  /** Of everything that decides its outcome. */
  readonly sha256: string
  readonly cost: ModelCost
  /** Into how many parts its evaluation may be cut, at most. 1: it stays whole */
  readonly mostParts: number
  /** What must be done by one machine together: the models of one folder. Absent: it stands alone */
  readonly set?: string
}

/** Seconds. */
export interface ModelCost {
  /** To prune it, recovery and proofs included: whoever judges a part of its evaluation data prunes it first. */
  readonly prune: number
  /** To measure it and its reference on all evaluation data. */
  readonly measure: number
}

/** One model, or some of the evaluation data of one, done by one machine. */
export interface RunPiece {
  /** 'model.onnx', or 'model.onnx 2/3'. */
  readonly id: string
  readonly model: string
  readonly part: { readonly index: number; readonly count: number }
  readonly sha256: string
  /** That it is expected to take. */
  readonly seconds: number
  /** Who does it: from 1 on. */
  readonly shard: number
}

/** How a run is spread over machines. Equal inputs give equal plans, on every machine. */
export interface RunPlan {
  readonly shards: number
  /** Of all pieces and their shards. */
  readonly sha256: string
  readonly pieces: readonly RunPiece[]
}

/** A part that is smaller than this fraction of a fair share is not worth pruning the model once more for. */
const SMALLEST_PART = 0.25

/**
 * Gives each shard pieces so that all take about as long: those that take longest are given first, each to the shard that has least to do (Graham 1969:
 * no more than 4/3 of the best). Evaluations that would take longer than a fair share are cut into parts.
 */
export function planRun(models: readonly SpreadModel[], shards: number): RunPlan {
  const plan = assign(models, shards)
  // Two parts of a model on one shard are one: it would prune the model twice.
  const fewer = models.map((model) => {
    const own = plan.pieces.filter((piece) => piece.model === model.model)
    const used = new Set(own.map(({ shard }) => shard)).size
    return used < own.length ? { ...model, mostParts: used } : model
  })
  return fewer.every((model, i) => model === models[i]) ? plan : planRun(fewer, shards)
}

function assign(models: readonly SpreadModel[], shards: number): RunPlan {
  const fair = models.reduce((sum, { cost }) => sum + cost.prune + cost.measure, 0) / shards
  const loads = new Float64Array(shards)
  const shardOf = new Map<string, number>()
  const groups = groupsOf(models.flatMap((model) => partsOf(model, { fair, shards })))
  const byCost = groups.map((pieces, at) => ({ pieces, at, seconds: pieces.reduce((sum, piece) => sum + piece.seconds, 0) }))
  for (const { pieces, seconds } of byCost.sort((a, b) => b.seconds - a.seconds || a.at - b.at)) {
    const least = loads.indexOf(Math.min(...loads))
    loads[least]! += seconds
    for (const { id } of pieces) shardOf.set(id, least + 1)
  }
  const pieces = groups.flat().map(({ set: _, ...piece }): RunPiece => ({ ...piece, shard: shardOf.get(piece.id)! }))
  const contents = pieces.map(({ id, sha256, shard }) => [id, sha256, shard])
  return { shards, sha256: sha256Of([shards, contents]), pieces }
}

interface OpenPiece extends Omit<RunPiece, 'shard'> {
  readonly set: string
}

function partsOf(
  { model, sha256, cost, mostParts, set }: SpreadModel,
  { fair, shards }: { readonly fair: number; readonly shards: number },
): readonly OpenPiece[] {
  const room = Math.max(fair - cost.prune, SMALLEST_PART * fair)
  const wanted = room > 0 ? Math.ceil(cost.measure / room) : 1
  const count = set === undefined ? Math.max(1, Math.min(wanted, mostParts, shards)) : 1
  return Array.from({ length: count }, (_, i) => {
    const part = { index: i + 1, count }
    const id = count === 1 ? model : `${model} ${part.index}/${count}`
    const seconds = cost.prune + cost.measure / count
    return { id, model, part, sha256: sha256Of([sha256, part]), seconds, set: set ?? id }
  })
}

/** Pieces of one set together, in the order of the first of each. */
function groupsOf(pieces: readonly OpenPiece[]): readonly (readonly OpenPiece[])[] {
  const groups = new Map<string, OpenPiece[]>()
  for (const piece of pieces) groups.set(piece.set, [...(groups.get(piece.set) ?? []), piece])
  return [...groups.values()]
}

function sha256Of(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}
