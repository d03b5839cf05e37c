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
  LOW_BITS,
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
    ...forEachListed(saliency),
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
 * The same for an expression that `tracksWeight`, 0 < low, and a range of less than QUICK_SPAN. A zero lies below it like any other. From 0 on, floats sort
 * like their bits: what those are above the bits of `low` is judged eight at a time, in sixteen bits. header.unfit is set where a saliency is negative or not
 * finite: then the rest is void.
 */
export function quickCollectCode(saliency: SaliencyCode): Code {
  const keys = [...keysOf(saliency, 0, KEYS), ...keysOf(saliency, 32, MORE_KEYS)]
  const below = [KEYS, MORE_KEYS].flatMap((half) => [
    ...[...get(SUM), ...i32x4.const(0), ...get(half), ...i16x8.gt, ...i16x8.sub, ...set(SUM)],
  ])
  const nearest = [...get(KEYS), ...get(MORE_KEYS), ...i16x8.minUnsigned, ...tee(ANY)]
  const inside = [...nearest, ...get(SPANS), ...i16x8.minUnsigned, ...get(ANY), ...i16x8.eq]
  const infinite = [...get(MOST), ...i32x4.const(INFINITE - 1), ...i32x4.gt, ...i32x4.any]
  return [
    ...bounds(),
    ...[...get(LOW), ...i32.bitsOf, ...i32x4.splat, ...set(LOW_BITS)],
    ...[...get(HIGH), ...i32.bitsOf, ...get(LOW), ...i32.bitsOf, ...i32.sub],
    ...[...i32.const(DROPPED), ...i32.shiftUnsigned, ...i16x8.splat, ...set(SPANS)],
    ...[...i32x4.const(0x7fffffff), ...set(LEAST)],
    ...forEachStep([...keys, ...below, ...list(inside)]),
    ...[...get(SUM), ...i32x4.addPairs, ...set(SUM)],
    ...add(HEADER.below, sumOf(SUM)),
    ...raise(HEADER.unfit, [...infinite, ...get(LEAST), ...i32x4.signs, ...i32.or]),
    ...raise(HEADER.odd, [...get(LEAST), ...i32x4.const(0), ...i32x4.eq, ...i32x4.any]),
    ...forEachListed(saliency),
  ]
}

/** Bits of a difference that do not count: what looks inside may lie above by less than so many. */
const DROPPED = 8
/** How far the bits of `high` may be above those of `low`: a factor of two at least. */
export const QUICK_SPAN = 2 ** (15 + DROPPED)
/** Bits of ∞. What is above is NaN. */
const INFINITE = 0x7f800000

/** keys = (bits of eight saliencies − bits of low) >> DROPPED, brought into the range of sixteen bits; most and least of the bits. */
function keysOf(saliency: SaliencyCode, at: number, keys: number): Code {
  const key = (offset: number) => [
    ...saliency(offset),
    ...[...get(MOST), ...get(SALIENCY), ...i32x4.max, ...set(MOST)],
    ...[...get(LEAST), ...get(SALIENCY), ...i32x4.min, ...set(LEAST)],
    ...[...get(SALIENCY), ...get(LOW_BITS), ...i32x4.sub, ...i32.const(DROPPED), ...i32x4.shiftSigned],
  ]
  return [...key(at), ...key(at + 16), ...i16x8.narrow, ...set(keys)]
}

function bounds(): Code {
  return [...get(LOW), ...f32x4.splat, ...set(LOWS), ...get(HIGH), ...f32x4.splat, ...set(HIGHS)]
}

/** Appends the step to the list if any lane of a vector is set: writes it behind the last entry, and takes the place only then. */
function list(lanes: Code): Code {
  const write = [...get(LIST), ...get(ADDRESS), ...i32.store(LISTED)]
  return [...write, ...get(LIST), ...lanes, ...i32x4.any, ...i32.const(2), ...i32.shl, ...i32.add, ...set(LIST)]
}

/** Computes the listed steps again, and appends what lies in the range to results and positions. */
function forEachListed(saliency: SaliencyCode): Code {
  const inside = [...get(SALIENCY), ...get(LOWS), ...f32x4.ge, ...get(SALIENCY), ...get(HIGHS), ...f32x4.le, ...i32x4.and]
  const vector = (at: number) => [...saliency(at), ...i32.const(0), ...get(SALIENCY), ...f32x4.store(SCRATCH + at), ...inside]
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
