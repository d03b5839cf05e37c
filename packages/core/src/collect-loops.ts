import {
  ADDRESS,
  ANY,
  BELOW,
  BITS,
  ENTRY,
  FIRST,
  FOUND,
  forEachStep,
  HIGH,
  HIGHS,
  KEYS,
  LANES,
  LEAST,
  LIST,
  LOW,
  LOW_KEYS,
  LOWS,
  MORE_KEYS,
  MOST,
  ODD,
  SALIENCY,
  type SaliencyCode,
  SPANS,
  SUM,
  VECTORS,
} from './loop-code.js'
import { HEADER, LISTED, POSITIONS, RESULTS, SCRATCH, WEIGHTS } from './loop-memory.js'
import { type Code, f32x4, get, i8x16, i16x8, i32, i32x4, loop, set, tee, when } from './wasm-module.js'

// Both loops judge steps of 16 weights without a branch, and list those that have saliencies in the range. A second loop looks at these one by one.

/**
 * header.below += how many lie below `low`; results and positions + found = those in the range; header.odd is set where one is −∞, or not finite.
 */
export function collectCode(saliency: SaliencyCode): Code {
  return [
    ...bounds(),
    ...forEachStep([
      ...VECTORS.flatMap((at) => [...saliency(at), ...tally()]),
      ...list(get(ANY)),
      ...i32x4.const(0),
      ...set(ANY),
    ]),
    ...add(HEADER.below, sumOf(SUM)),
    ...raise(HEADER.odd, [...get(ODD), ...i32x4.any]),
    ...forEachListed(saliency, []),
  ]
}

/** sum −= saliency < low; odd |= saliency − saliency; any |= low ≤ saliency ≤ high. A comparison that holds is −1. */
function tally(): Code {
  const below = [...get(SUM), ...get(SALIENCY), ...get(LOWS), ...f32x4.lt, ...tee(BELOW), ...i32x4.sub, ...set(SUM)]
  // x − x is NaN for what is not finite, else 0.
  const odd = [...get(ODD), ...get(SALIENCY), ...get(SALIENCY), ...f32x4.subtract, ...i32x4.or, ...set(ODD)]
  const inside = [...get(SALIENCY), ...get(HIGHS), ...f32x4.le, ...get(BELOW), ...i32x4.andnot]
  return [...below, ...odd, ...inside, ...get(ANY), ...i32x4.or, ...set(ANY)]
}

/**
 * The same for an expression that `tracksWeight`, and a `low` above 0: a zero lies below it like any other. Looks at the upper 16 bits of saliencies,
 * eight at a time, which sort like them from 0 on. header.unfit is set where one is negative or not finite: then the rest is void. header.odd is set where one may
 * be zero.
 */
export function quickCollectCode(saliency: SaliencyCode): Code {
  const keys = [...keysOf(saliency, 0, KEYS), ...keysOf(saliency, 32, MORE_KEYS)]
  const judged = [KEYS, MORE_KEYS].flatMap((half) => [
    ...[...get(SUM), ...get(LOW_KEYS), ...get(half), ...i16x8.gt, ...i16x8.sub, ...set(SUM)],
    ...[...get(MOST), ...get(half), ...i16x8.max, ...set(MOST)],
    ...[...get(LEAST), ...get(half), ...i16x8.min, ...set(LEAST)],
  ])
  const least = [KEYS, MORE_KEYS].flatMap((half) => [...get(half), ...get(LOW_KEYS), ...i16x8.sub])
  const inside = [...least, ...i16x8.minUnsigned, ...tee(ANY), ...get(SPANS), ...i16x8.minUnsigned, ...get(ANY), ...i16x8.eq]
  const unfit = [
    ...get(MOST),
    ...i32.const(INFINITE - 1),
    ...i16x8.splat,
    ...i16x8.gt,
    ...i32x4.any,
    ...get(LEAST),
    ...i16x8.signs,
    ...i32.or,
  ]
  return [
    ...bounds(),
    ...keyBounds(),
    ...forEachStep([...keys, ...judged, ...list(inside)]),
    ...[...get(SUM), ...i32x4.addPairs, ...set(SUM)],
    ...add(HEADER.below, sumOf(SUM)),
    ...raise(HEADER.unfit, unfit),
    ...raise(HEADER.odd, [...get(LEAST), ...i32x4.const(0), ...i16x8.eq, ...i32x4.any]),
    ...[...i32x4.const(0), ...set(SUM)],
    ...forEachListed(saliency, belowInBucket()),
    ...add(HEADER.below, sumOf(SUM)),
  ]
}

/** Upper 16 bits of ∞. What is above is NaN. */
const INFINITE = 0x7f80

/** keys = the upper halves of eight saliencies. */
function keysOf(saliency: SaliencyCode, at: number, keys: number): Code {
  const upper = (offset: number) => [...saliency(offset), ...get(SALIENCY), ...i32.const(16), ...i32x4.shiftUnsigned]
  return [...upper(at), ...upper(at + 16), ...i16x8.narrowUnsigned, ...set(keys)]
}

function bounds(): Code {
  return [...get(LOW), ...f32x4.splat, ...set(LOWS), ...get(HIGH), ...f32x4.splat, ...set(HIGHS)]
}

/** Keys of the range are those from lowKeys on, `spans` more at most. */
function keyBounds(): Code {
  const key = (bound: number) => [...get(bound), ...i32.bitsOf, ...i32.const(16), ...i32.shiftUnsigned]
  return [
    ...[...key(LOW), ...i16x8.splat, ...set(LOW_KEYS)],
    ...[...key(HIGH), ...key(LOW), ...i32.sub, ...i16x8.splat, ...set(SPANS)],
    ...[...i32x4.const(0x7fff7fff), ...set(LEAST)],
  ]
}

/** sum −= (saliency < low) − (saliency < the least one with low's key): those were counted by their key. */
function belowInBucket(): Code {
  const floor = [...get(LOWS), ...i32x4.const(0xffff0000), ...i32x4.and]
  const below = [...get(SALIENCY), ...get(LOWS), ...f32x4.lt, ...get(SALIENCY), ...floor, ...f32x4.lt, ...i32x4.sub]
  return [...get(SUM), ...below, ...i32x4.sub, ...set(SUM)]
}

/** Appends the step to the list if any lane of a vector is set: writes it behind the last entry, and takes the place only then. */
function list(lanes: Code): Code {
  const write = [...get(LIST), ...get(ADDRESS), ...i32.store(LISTED)]
  return [...write, ...get(LIST), ...lanes, ...i32x4.any, ...i32.const(2), ...i32.shl, ...i32.add, ...set(LIST)]
}

/** Computes the listed steps again, does `more` with each vector, and appends what lies in the range to results and positions. */
function forEachListed(saliency: SaliencyCode, more: Code): Code {
  const inside = [...get(SALIENCY), ...get(LOWS), ...f32x4.ge, ...get(SALIENCY), ...get(HIGHS), ...f32x4.le, ...i32x4.and]
  const vector = (at: number) => [
    ...saliency(at),
    ...more,
    ...i32.const(0),
    ...get(SALIENCY),
    ...f32x4.store(SCRATCH + at),
    ...inside,
  ]
  const pair = (at: number) => [...vector(at), ...vector(at + 16), ...i16x8.narrow]
  const bits = [...pair(0), ...pair(32), ...i8x16.narrow, ...i8x16.signs, ...set(BITS)]
  const step = [...get(ENTRY), ...i32.load(LISTED), ...set(ADDRESS), ...bits, ...loop([...append(), ...get(BITS)])]
  const next = [...get(ENTRY), ...i32.const(4), ...i32.add, ...tee(ENTRY), ...get(LIST), ...i32.lessUnsigned]
  return [
    ...[...i32.const(0), ...i32.load(4 * HEADER.found), ...set(FOUND)],
    ...[...get(LIST), ...when(loop([...step, ...next]))],
    ...[...i32.const(0), ...get(FOUND), ...i32.store(4 * HEADER.found)],
  ]
}

/** Writes the first weight of `bits` to the next free place, takes the place if there was one, and removes it from `bits`. */
function append(): Code {
  const lane = [...get(BITS), ...i32.trailingZeros]
  const result = [...get(FOUND), ...lane, ...i32.const(2), ...i32.shl, ...i32.load(SCRATCH), ...i32.store(RESULTS)]
  const step = [...get(ADDRESS), ...i32.const(WEIGHTS), ...i32.sub, ...i32.const(2), ...i32.shiftUnsigned]
  const position = [...get(FOUND), ...step, ...get(FIRST), ...i32.add, ...lane, ...i32.add, ...i32.store(POSITIONS)]
  const taken = [...get(FOUND), ...get(BITS), ...i32.const(0), ...i32.ne, ...i32.const(2), ...i32.shl, ...i32.add, ...set(FOUND)]
  return [...result, ...position, ...taken, ...get(BITS), ...get(BITS), ...i32.const(1), ...i32.sub, ...i32.and, ...set(BITS)]
}

/** header[word] += value. */
export function add(word: number, value: Code): Code {
  return [...i32.const(0), ...i32.const(0), ...i32.load(4 * word), ...value, ...i32.add, ...i32.store(4 * word)]
}

/** header[word] |= value. */
export function raise(word: number, value: Code): Code {
  return [...i32.const(0), ...i32.const(0), ...i32.load(4 * word), ...value, ...i32.or, ...i32.store(4 * word)]
}

/** The lanes of an i32x4 added up. */
export function sumOf(vector: number): Code {
  return LANES.flatMap((lane) => [...get(vector), ...i32x4.lane(lane), ...(lane > 0 ? i32.add : [])])
}
