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

/** tallies[2 · block] = how many saliencies of the block lie in the range, [2 · block + 1] = how many below it. */
export const TALLY = `${SALIENCIES}
${words(3, 'tallies')}
var<workgroup> found: atomic<u32>;
var<workgroup> below: atomic<u32>;
${blocks(`
  for (var i = first; i < end; i++) {
    let s = saliencyAt(i);
    if (inRange(s)) { atomicAdd(&found, 1u); }
    if (!isNan(s) && keyOf(s) < tile.low) { atomicAdd(&below, 1u); }
  }
  workgroupBarrier();
  if (thread == 0u) {
    tallies[2u * block] = atomicLoad(&found);
    tallies[2u * block + 1u] = atomicLoad(&below);
  }`)}`

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

/** tallies[2 · block] = how many of the range stand before the block; the two words after the last block = all in the range, all below it. */
export const OFFSETS = `${SALIENCIES}
${words(3, 'tallies')}
var<workgroup> sums: array<u32, ${GROUP}>;
var<workgroup> lower: atomic<u32>;
@compute @workgroup_size(${GROUP})
fn main(@builtin(local_invocation_index) thread: u32) {
  let blocks = (tile.count + ${BLOCK - 1}u) / ${BLOCK}u;
  let each = (blocks + ${GROUP - 1}u) / ${GROUP}u;
  let first = min(thread * each, blocks);
  let end = min(first + each, blocks);
  var own = 0u;
  var below = 0u;
  for (var b = first; b < end; b++) {
    own += tallies[2u * b];
    below += tallies[2u * b + 1u];
  }
  atomicAdd(&lower, below);
  ${scan('own')}
  var before = sums[thread] - own;
  for (var b = first; b < end; b++) {
    let found = tallies[2u * b];
    tallies[2u * b] = before;
    before += found;
  }
  if (thread == 0u) {
    tallies[2u * blocks] = sums[${GROUP - 1}];
    tallies[2u * blocks + 1u] = atomicLoad(&lower);
  }
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
  var n = tallies[2u * block] + sums[thread] - own;
  for (var i = first; i < end; i++) {
    let s = saliencyAt(i);
    if (!inRange(s)) { continue; }
    candidates[2u * n] = s;
    candidates[2u * n + 1u] = i;
    n++;
  }`)}`
