// The loops over a tile, in WGSL. A thread looks at one element, or at a stretch that follows the one of the thread before.

import { SALIENCIES } from './saliency-shader.js'

/** Threads of a workgroup. */
export const GROUP = 256
/** Elements of a workgroup that keeps their order. */
export const BLOCK = 16 * GROUP

// After `saliencyShader`:

const each = (outputs: string, body: string) => `
${outputs}
@compute @workgroup_size(${GROUP})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${GROUP}u;
  if (i >= tile.count) { return; }
  ${body}
}`

const words = (binding: number, name: string) => `@group(0) @binding(${binding}) var<storage, read_write> ${name}: array<u32>;`

/** results[i] = bits of the saliency. */
export const SALIENCY = each(words(3, 'results'), 'results[i] = saliencyAt(i);')

/** results[i] = bits of the weight where saliency ≥ low (with ties > low), else 0. `low` is a key. */
export const MASK = each(
  words(3, 'results'),
  `let s = saliencyAt(i);
  let kept = !isNan(s) && select(keyOf(s) >= tile.low, keyOf(s) > tile.low, tile.ties == 1u);
  results[i] = select(0u, weights[i], kept);`,
)

/** counts[bucket]++. */
export const HISTOGRAM = each(
  '@group(0) @binding(3) var<storage, read_write> counts: array<atomic<u32>>;',
  'atomicAdd(&counts[keyOf(saliencyAt(i)) >> 16u], 1u);',
)

// On their own, the same for all expressions:

const blocks = (body: string) => `
fn inRange(s: u32) -> bool { return !isNan(s) && keyOf(s) >= tile.low && keyOf(s) <= tile.high; }
@compute @workgroup_size(${GROUP})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let block = group.x + group.y * groups.x;
  if (block * ${BLOCK}u >= tile.count) { return; }
  let first = block * ${BLOCK}u + thread * ${BLOCK / GROUP}u;
  let end = min(first + ${BLOCK / GROUP}u, tile.count);
  ${body}
}`

/**
 * tallies[4 · block …] = how many saliencies of the block lie in the range, how many below it, how many are that of a zero, and how many are not finite.
 */
export const TALLY = `${SALIENCIES}
${words(3, 'tallies')}
var<workgroup> own: array<atomic<u32>, 4>;
${blocks(`
  for (var i = first; i < end; i++) {
    let s = saliencyAt(i);
    if (inRange(s)) { atomicAdd(&own[0], 1u); }
    if (!isNan(s) && keyOf(s) < tile.low) { atomicAdd(&own[1], 1u); }
    if (s == (SIGN | INFINITE)) { atomicAdd(&own[2], 1u); }
    if (isNan(s) || s == INFINITE) { atomicAdd(&own[3], 1u); }
  }
  workgroupBarrier();
  if (thread < 4u) { tallies[4u * block + thread] = atomicLoad(&own[thread]); }`)}`

/** WGSL: sums[thread] = the sum of `own` of this thread and of those before it. */
const scan = (own: string) => `
  sums[thread] = ${own};
  workgroupBarrier();
  for (var step = 1u; step < ${GROUP}u; step *= 2u) {
    let before = select(0u, sums[max(thread, step) - step], thread >= step);
    workgroupBarrier();
    sums[thread] += before;
    workgroupBarrier();
  }`

/** tallies[4 · block] = how many of the range stand before the block; the four words after the last block = the sums over all. */
export const OFFSETS = `${SALIENCIES}
${words(3, 'tallies')}
var<workgroup> sums: array<u32, ${GROUP}>;
var<workgroup> all: array<atomic<u32>, 4>;
@compute @workgroup_size(${GROUP})
fn main(@builtin(local_invocation_index) thread: u32) {
  let blocks = (tile.count + ${BLOCK - 1}u) / ${BLOCK}u;
  let each = (blocks + ${GROUP - 1}u) / ${GROUP}u;
  let first = min(thread * each, blocks);
  let end = min(first + each, blocks);
  var own = vec4u();
  for (var b = first; b < end; b++) {
    own += vec4u(tallies[4u * b], tallies[4u * b + 1u], tallies[4u * b + 2u], tallies[4u * b + 3u]);
  }
  for (var word = 0u; word < 4u; word++) { atomicAdd(&all[word], own[word]); }
  ${scan('own[0]')}
  var before = sums[thread] - own[0];
  for (var b = first; b < end; b++) {
    let share = tallies[4u * b];
    tallies[4u * b] = before;
    before += share;
  }
  if (thread < 4u) { tallies[4u * blocks + thread] = atomicLoad(&all[thread]); }
}`

/** candidates[2 n], [2 n + 1] = bits of the saliency and place in the tile of the n-th element of the range. */
export const GATHER = `${SALIENCIES}
${words(3, 'tallies')}
${words(4, 'candidates')}
var<workgroup> sums: array<u32, ${GROUP}>;
${blocks(`
  var own = 0u;
  for (var i = first; i < end; i++) { own += select(0u, 1u, inRange(saliencyAt(i))); }
  ${scan('own')}
  if (own == 0u) { return; }
  var n = tallies[4u * block] + sums[thread] - own;
  for (var i = first; i < end; i++) {
    let s = saliencyAt(i);
    if (!inRange(s)) { continue; }
    candidates[2u * n] = s;
    candidates[2u * n + 1u] = i;
    n++;
  }`)}`
