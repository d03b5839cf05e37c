import type { Floats } from '../backend/backend.js'
import type { WeightSource } from '../backend/stream.js'
import { saliencyOf } from '../select/saliency.js'
import type { Scoring } from '../select/scoring.js'
import { selectLowest } from '../select/threshold.js'
import { type Border, borderAmong, type Candidate, findBorder } from './border.js'
import { readStripes } from './stripes.js'
import { scoreTiles, type TileSize, type Tiles, type Tiling, tilingOf } from './tiling.js'

/** Which tiles of a weight go: those whose elements have a summed saliency below `below`, and of those equal to it the ones before tile `until`. */
export interface TileRule {
  readonly tile: TileSize
  /** One for all, or one for each band of rows that tiles form. Null: nothing is masked. */
  readonly below: number | null | readonly (number | null)[]
  readonly until: number | readonly number[]
}

export interface TileSelection {
  readonly zeros: number
  readonly masked: number
  readonly rule: TileRule
}

export interface TileRequest {
  readonly scope: 'row' | 'tensor' | 'global'
  readonly tile: TileSize
  /** Elements that may be zero afterwards, of each weight; a global scope takes their sum. */
  readonly shares: readonly number[]
}

/**
 * Chooses whole tiles, those of the smallest score first, ties by number, until the next would make more elements zero than allowed. What one weight or
 * band could not use up is handed on to the next, so the sum falls short by less than one tile where scopes are large enough to have one.
 */
export async function selectTiles(
  sources: readonly WeightSource[],
  { scope, tile, shares }: TileRequest,
  scoring: Scoring,
): Promise<TileSelection[]> {
  // Also refuses weights that are not finite.
  const zeros = (await selectLowest(sources, 0, scoring)).map((each) => each.zeros)
  const tiled = sources.map((source, i) => ({ source, tiling: tilingOf(source.weight.rows, tile), zeros: zeros[i]! }))
  if (scope === 'global') {
    const all = shares.reduce((a, b) => a + b, 0) - zeros.reduce((a, b) => a + b, 0)
    return rulesOf(tiled, { border: await findBorder(streamsOf(tiled, scoring), all), tile }, scoring)
  }
  const selections: TileSelection[] = []
  let over = 0
  for (const [i, each] of tiled.entries()) {
    const share = shares[i]! + over
    const selection =
      scope === 'row' ? await selectInBands(each, { share, tile }, scoring) : await selectInWeight(each, { share, tile }, scoring)
    over = Math.max(share - selection.masked, 0)
    selections.push(selection)
  }
  return selections
}

/** Masks the tiles whose summed saliency is below `below`. */
export async function selectTilesBelow(
  sources: readonly WeightSource[],
  { tile, below }: { tile: TileSize; below: number },
  scoring: Scoring,
): Promise<TileSelection[]> {
  const untouched = await selectLowest(sources, 0, scoring)
  const tiled = sources.map((source, i) => ({ source, tiling: tilingOf(source.weight.rows, tile), zeros: untouched[i]!.zeros }))
  return rulesOf(tiled, { border: { score: below, weight: -1, tile: 0 }, tile }, scoring)
}

/** u8[saliency.length], 1 = masked. `saliency` is of whole stripes, from element `start` of the weight on. */
export function maskTiles(saliency: Floats, start: number, { tiling, rule }: { tiling: Tiling; rule: TileRule }): Uint8Array {
  const { tiles, numbers } = scoreTiles(saliency, start, tiling)
  const goes = goesBy(tiles, { tiling, rule })
  const mask = new Uint8Array(saliency.length)
  for (let e = 0; e < mask.length; e++) mask[e] = goes[numbers[e]!]!
  return mask
}

function goesBy({ first, scores }: Tiles, { tiling, rule: { below, until } }: { tiling: Tiling; rule: TileRule }): Uint8Array {
  const goes = new Uint8Array(scores.length)
  for (let t = 0; t < goes.length; t++) {
    const band = typeof until === 'number' ? 0 : tiling.bandOf(first + t)
    const limit = typeof below === 'number' || below === null ? below : below[band]!
    const end = typeof until === 'number' ? until : until[band]!
    const score = scores[t]!
    if (limit !== null && (score < limit || (score === limit && first + t < end))) goes[t] = 1
  }
  return goes
}

interface Tiled {
  readonly source: WeightSource
  readonly tiling: Tiling
  readonly zeros: number
}

const streamsOf = (tiled: readonly Tiled[], scoring: Scoring) => tiled.map((each) => () => readTiles(each, scoring))

async function* readTiles({ source, tiling }: Tiled, scoring: Scoring): AsyncGenerator<Tiles> {
  for await (const chunk of readStripes(source, tiling.stripes, scoring)) {
    yield scoreTiles(await saliencyOf(scoring.kernel, chunk), chunk.start, tiling).tiles
  }
}

async function rulesOf(
  tiled: readonly Tiled[],
  { border, tile }: { border: Border | undefined; tile: TileSize },
  scoring: Scoring,
): Promise<TileSelection[]> {
  const selections: TileSelection[] = []
  for (const [weight, each] of tiled.entries()) {
    const rule = ruleFor(weight, each.tiling, { border, tile })
    selections.push({ zeros: each.zeros, masked: each.zeros + (await addedBy(rule, each, scoring)), rule })
  }
  return selections
}

function ruleFor(weight: number, { tiles }: Tiling, { border, tile }: { border: Border | undefined; tile: TileSize }): TileRule {
  if (border === undefined) return { tile, below: Number.MAX_VALUE, until: 0 }
  const until = weight < border.weight ? tiles : weight === border.weight ? border.tile : 0
  return { tile, below: border.score, until }
}

async function addedBy(rule: TileRule, each: Tiled, scoring: Scoring): Promise<number> {
  let total = 0
  for await (const tiles of readTiles(each, scoring)) {
    const goes = goesBy(tiles, { tiling: each.tiling, rule })
    for (let t = 0; t < goes.length; t++) total += goes[t]! * tiles.added[t]!
  }
  return total
}

async function selectInWeight(
  each: Tiled,
  { share, tile }: { share: number; tile: TileSize },
  scoring: Scoring,
): Promise<TileSelection> {
  const border = await findBorder(streamsOf([each], scoring), share - each.zeros)
  return (await rulesOf([each], { border, tile }, scoring))[0]!
}

/** Equally many elements of each band, as nearly as whole tiles allow. Holds all tiles of the weight in memory. */
async function selectInBands(
  each: Tiled,
  { share, tile }: { share: number; tile: TileSize },
  scoring: Scoring,
): Promise<TileSelection> {
  const { tiling, source } = each
  const all = await allTiles(each, scoring)
  const sizes = bandSizes(source.weight.rows, tile)
  const below: (number | null)[] = []
  const until: number[] = []
  let masked = 0
  let before = 0
  let tally = 0
  for (let b = 0; b < tiling.bands; b++) {
    const candidates = bandOf(all, b, tiling)
    before += sizes[b]!
    const zeros = sizes[b]! - candidates.reduce((total, { added }) => total + added, 0)
    // Counting what was used up instead of what was due hands the rest of a band on to the next.
    const due = Math.round((before / source.elements) * share) - tally
    const border = borderAmong(candidates, due - zeros)
    below.push(border === undefined ? Number.MAX_VALUE : border.score)
    until.push(border?.tile ?? 0)
    const used = border === undefined ? sizes[b]! : zeros + addedBefore(candidates, border)
    tally += Math.min(used, due)
    masked += used
  }
  return { zeros: each.zeros, masked, rule: { tile, below, until } }
}

async function allTiles(each: Tiled, scoring: Scoring): Promise<Tiles> {
  const scores = new Float64Array(each.tiling.tiles)
  const added = new Float64Array(each.tiling.tiles)
  for await (const tiles of readTiles(each, scoring)) {
    scores.set(tiles.scores, tiles.first)
    added.set(tiles.added, tiles.first)
  }
  return { first: 0, scores, added }
}

function bandOf({ scores, added }: Tiles, band: number, { columns, tileAt }: Tiling): Candidate[] {
  return Array.from({ length: columns }, (_, column) => {
    const tile = tileAt(band, column)
    return { score: scores[tile]!, weight: 0, tile, added: added[tile]! }
  })
}

/** How much goes of sorted candidates before the border. */
function addedBefore(candidates: readonly Candidate[], border: Border): number {
  let total = 0
  for (const candidate of candidates) {
    if (candidate === border) break
    total += candidate.added
  }
  return total
}

/** Elements of each band. */
function bandSizes({ batch, before, out, after }: WeightSource['weight']['rows'], { rows }: TileSize): number[] {
  const bands = Math.ceil(out / rows)
  return Array.from({ length: batch * bands }, (_, b) => Math.min(rows, out - (b % bands) * rows) * before * after)
}
