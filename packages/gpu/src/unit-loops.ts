import type { UnitLayout } from '@pare/core/backends'
import { GROUP } from './loops.js'
import { SALIENCIES } from './saliency-shader.js'

// Saliencies of a tile put together in f32, a few at a time, so that the rest is little and can be added in f64. A part holds at most 16 roundings one after
// another: within 1e-6 of the sum of the sizes of its terms.

type Put = UnitLayout['put']

/** Threads of a run, and elements of one of its parts. */
const RUN_GROUP = 64
const RUN_PART = 512
/** Rows that are put together. */
const ROWS = 16

/** What a loop over parts is told, and to which positions its parts belong. */
export interface LoopParts {
  readonly count: number
  readonly groups: number
  /** The position of a part, in the order of the units of the layout, not yet modulo their number. */
  position(part: number): number
  readonly shader: (put: Put) => string
  /** Words of the tile. */
  readonly words: { readonly inner: number; readonly period: number; readonly phase: number; readonly skip: number }
}

/**
 * How the elements from `start` on fall into parts: along stretches of one position where those are long, else across them. Undefined where neither leaves
 * much fewer parts than elements.
 */
export function partsOf({ start, count }: { start: number; count: number }, { inner, units }: UnitLayout): LoopParts | undefined {
  if (inner >= RUN_GROUP) return runs({ start, count, inner })
  const period = units.length * inner
  return period * ROWS <= count ? columns({ start, count, inner, period }) : undefined
}

function runs({ start, count, inner }: { start: number; count: number; inner: number }): LoopParts {
  const phase = start % inner
  const first = Math.floor(start / inner)
  const pieces = Math.ceil(inner / RUN_PART)
  const pieceOf = (element: number) => Math.floor(element / inner) * pieces + Math.floor((element % inner) / RUN_PART)
  const skip = pieceOf(phase)
  const parts = pieceOf(phase + count - 1) + 1 - skip
  return {
    count: parts,
    groups: parts,
    position: (part) => first + Math.floor((skip + part) / pieces),
    shader: runShader,
    words: { inner, period: pieces, phase, skip },
  }
}

interface Columns {
  readonly start: number
  readonly count: number
  readonly inner: number
  readonly period: number
}

function columns({ start, count, inner, period }: Columns): LoopParts {
  const phase = start % period
  const parts = Math.ceil((phase + count) / (period * ROWS)) * period
  return {
    count: parts,
    groups: Math.ceil(parts / GROUP),
    position: (part) => Math.floor((part % period) / inner),
    shader: columnShader,
    words: { inner, period, phase, skip: 0 },
  }
}

const HEAD = (put: Put) => `${SALIENCIES}
@group(0) @binding(3) var<storage, read_write> results: array<u32>;

struct Part { value: f32, key: u32, infinite: bool, nan: bool }

// Nothing yet. The key is that of −∞, below all numbers.
fn none() -> Part { return Part(0.0, keyOf(SIGN | INFINITE), false, false); }

fn put(part: Part, s: u32) -> Part {
  if (s == (SIGN | INFINITE)) { return part; }
  let nan = part.nan || isNan(s);
  let infinite = part.infinite || s == INFINITE;
  let x = bitcast<f32>(select(s, 0u, nan || infinite));
  return Part(part.value + x${put === 'squares' ? ' * x' : ''}, max(part.key, select(keyOf(s), 0u, isNan(s))), infinite, nan);
}

fn bitsOf(part: Part) -> u32 {
  if (part.nan) { return NAN; }
  ${
    put === 'max'
      ? 'return part.key ^ select(0xffffffffu, SIGN, part.key >= SIGN);'
      : 'return select(bitcast<u32>(part.value), INFINITE, part.infinite);'
  }
}`

/** results[part], a workgroup for each: parts of RUN_PART elements, of stretches of `inner` elements, the first of which begins `phase` before the tile. */
const runShader = (put: Put) => `${HEAD(put)}
var<workgroup> parts: array<Part, ${RUN_GROUP}>;
@compute @workgroup_size(${RUN_GROUP})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let part = group.x + group.y * groups.x;
  let run = (tile.skip + part) / tile.period;
  let begin = ((tile.skip + part) % tile.period) * ${RUN_PART}u;
  let end = min(begin + ${RUN_PART}u, tile.inner);
  var own = none();
  for (var i = begin + thread; i < end; i += ${RUN_GROUP}u) {
    let at = run * tile.inner + i;
    if (at >= tile.phase && at - tile.phase < tile.count) { own = put(own, saliencyAt(at - tile.phase)); }
  }
  parts[thread] = own;
  workgroupBarrier();
  for (var step = ${RUN_GROUP / 2}u; step > 0u; step /= 2u) {
    if (thread < step) {
      let a = parts[thread];
      let b = parts[thread + step];
      parts[thread] = Part(a.value + b.value, max(a.key, b.key), a.infinite || b.infinite, a.nan || b.nan);
    }
    workgroupBarrier();
  }
  if (thread == 0u && part < tile.parts) { results[part] = bitsOf(parts[0]); }
}`

/** results[part], a thread for each: columns of ROWS rows of `period` elements, the first of which begins `phase` before the tile. */
const columnShader = (put: Put) => `${HEAD(put)}
@compute @workgroup_size(${GROUP})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let part = id.x + id.y * groups.x * ${GROUP}u;
  if (part >= tile.parts) { return; }
  let row = (part / tile.period) * ${ROWS}u;
  var own = none();
  for (var r = row; r < row + ${ROWS}u; r++) {
    let at = r * tile.period + part % tile.period;
    if (at >= tile.phase && at - tile.phase < tile.count) { own = put(own, saliencyAt(at - tile.phase)); }
  }
  results[part] = bitsOf(own);
}`
