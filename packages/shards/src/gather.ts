import type { DonePiece, ShardManifest } from './manifest.js'
import { rerunning } from './place.js'
import type { RunPlan } from './run-plan.js'

/** A manifest and where it lies. */
export interface PlacedManifest {
  /** The folder, as messages name it. */
  readonly name: string
  readonly manifest: ShardManifest
}

/** What shards left, held against the plan of the run. */
export interface GatheredShards {
  /** For each piece of the plan that is there. */
  readonly done: ReadonlyMap<string, { readonly piece: DonePiece; readonly place: PlacedManifest }>
  /** Pieces of the plan that are not, each with a sentence that says why. */
  readonly missing: ReadonlyMap<string, string>
  /** What the user must know of folders that do not count, in sentences. */
  readonly problems: readonly string[]
  /** Of attempts that were made again. */
  readonly notes: readonly string[]
  /** How what is missing is run again. */
  readonly cures: readonly string[]
}

/**
 * Takes each shard once: of several attempts the last. One that is there twice, of another run, or damaged (a sentence for each, by its manifest) does
 * not count.
 */
export function gatherShards(
  plan: RunPlan,
  manifests: readonly PlacedManifest[],
  damages: ReadonlyMap<PlacedManifest, string> = new Map(),
): GatheredShards {
  const problems: string[] = []
  const notes: string[] = []
  const own = manifests.filter(({ name, manifest }) => {
    if (manifest.run === plan.sha256 && manifest.shard.count === plan.shards) return true
    problems.push(
      manifest.shard.count === plan.shards
        ? `${name} is of another run: its models, data, options or versions are not those here.`
        : `${name} is shard ${manifest.shard.index} of ${manifest.shard.count}, and this run has ${plan.shards}.`,
    )
    return false
  })
  const taken = new Map<number, PlacedManifest>()
  for (const index of new Set(own.map(({ manifest }) => manifest.shard.index))) {
    const attempts = own.filter(({ manifest }) => manifest.shard.index === index)
    const last = Math.max(...attempts.map(({ manifest }) => manifest.attempt))
    const [one, ...more] = attempts.filter(({ manifest }) => manifest.attempt === last)
    if (more.length > 0) {
      problems.push(
        `shard ${index} is there ${more.length + 1} times, as ${[one!, ...more].map(({ name }) => name).join(' and ')}.`,
      )
      continue
    }
    if (attempts.length > 1) notes.push(`shard ${index} was run ${attempts.length} times: attempt ${last} counts.`)
    taken.set(index, one!)
  }
  const done = new Map<string, { piece: DonePiece; place: PlacedManifest }>()
  const missing = new Map<string, string>()
  for (const { id, shard, sha256 } of plan.pieces) {
    const place = taken.get(shard)
    const pieces = place?.manifest.pieces.filter((piece) => piece.id === id) ?? []
    const [piece] = pieces
    const damage = place && damages.get(place)
    if (place === undefined) missing.set(id, `shard ${shard} of ${plan.shards} is missing.`)
    else if (damage !== undefined) missing.set(id, damage)
    else if (piece === undefined || pieces.length > 1 || piece.sha256 !== sha256)
      missing.set(id, `${place.name} does not hold it as the plan has it.`)
    else done.set(id, { piece, place })
  }
  const shards = new Set(plan.pieces.flatMap(({ id, shard }) => (missing.has(id) ? [shard] : [])))
  const again = [...shards].sort((a, b) => a - b)
  return { done, missing, problems, notes, cures: again.length === 0 ? [] : rerunning(again, plan.shards) }
}
