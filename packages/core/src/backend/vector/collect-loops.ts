import { type Code, f32x4, i8x16, i16x8, i32, i32x4, type Local, plus, repeat, v128, when } from '@pare/wasm'
import { forEachStep, LANES, type SaliencyCode, type Variables, VECTORS } from './loop-code.js'
import { HEADER, LISTED, POSITIONS, RESULTS, SCRATCH, WEIGHTS } from './loop-memory.js'

// Both loops judge steps of 16 weights without a branch, and list those that have saliencies in the range. A second loop looks at these one by one.

/**
 * header.below += how many lie below `low`; results and positions + matches = those in the range; header.odd is set where one is −∞, or not finite.
 */
export function collectCode(variables: Variables, saliency: SaliencyCode): Code {
  const { any, sum, odd } = variables
  const judge = VECTORS.map((at) => [saliency(at), tally(variables)])
  return [
    bounds(variables),
    forEachStep(variables, [judge, list(variables, any.get), any.set(i32x4.const(0))]),
    add(HEADER.below, sumOf(sum)),
    raise(HEADER.odd, v128.any(odd.get)),
    forEachListed(variables, saliency),
  ]
}

/** sum −= saliency < low; odd |= saliency − saliency; any |= low ≤ saliency ≤ high. A comparison that holds is −1. */
function tally({ saliency, lows, highs, sum, odd, any, below }: Variables): Code {
  return [
    sum.set(i32x4.sub(sum.get, below.tee(f32x4.lt(saliency.get, lows.get)))),
    // x − x is NaN for what is not finite, else 0.
    odd.set(v128.or(odd.get, f32x4.sub(saliency.get, saliency.get))),
    any.set(v128.or(v128.andnot(f32x4.le(saliency.get, highs.get), below.get), any.get)),
  ]
}

/**
 * The same for an expression that `tracksWeight`, 0 < low, and a range of less than QUICK_SPAN. A zero lies below it like any other. From 0 on, floats sort
 * like their bits: what those are above the bits of `low` is judged eight at a time, in sixteen bits. header.unfit is set where a saliency is negative or not
 * finite: then the rest is void.
 */
export function quickCollectCode(variables: Variables, saliency: SaliencyCode): Code {
  const { low, high, sum, any, keys, moreKeys, lowBits, spans, least, most } = variables
  const below = [keys, moreKeys].map((half) => sum.set(i16x8.sub(sum.get, i16x8.gt(i32x4.const(0), half.get))))
  const nearest = any.tee(i16x8.minUnsigned(keys.get, moreKeys.get))
  const inside = i16x8.eq(i16x8.minUnsigned(nearest, spans.get), any.get)
  const infinite = v128.any(i32x4.gt(most.get, i32x4.const(INFINITE - 1)))
  const span = i32.sub(i32.bitsOf(high.get), i32.bitsOf(low.get))
  const judge = [keysOf(variables, saliency, 0), keysOf(variables, saliency, 32), below, list(variables, inside)]
  return [
    bounds(variables),
    lowBits.set(i32x4.splat(i32.bitsOf(low.get))),
    spans.set(i16x8.splat(i32.shr(span, i32.const(DROPPED)))),
    least.set(i32x4.const(0x7fffffff)),
    forEachStep(variables, judge),
    sum.set(i32x4.addPairs(sum.get)),
    add(HEADER.below, sumOf(sum)),
    raise(HEADER.unfit, i32.or(infinite, i32x4.signs(least.get))),
    raise(HEADER.odd, v128.any(i32x4.eq(least.get, i32x4.const(0)))),
    forEachListed(variables, saliency),
  ]
}

/** Bits of a difference that do not count: what looks inside may lie above by less than so many. */
const DROPPED = 8
/** How far the bits of `high` may be above those of `low`: a factor of two at least. */
export const QUICK_SPAN = 2 ** (15 + DROPPED)
/** Bits of ∞. What is above is NaN. */
const INFINITE = 0x7f800000

/** keys = (bits of eight saliencies − bits of low) >> DROPPED, brought into the range of sixteen bits; most and least of the bits. */
function keysOf({ saliency: value, lowBits, most, least, keys, moreKeys }: Variables, saliency: SaliencyCode, at: 0 | 32): Code {
  const key = (offset: number) => [
    saliency(offset),
    most.set(i32x4.max(most.get, value.get)),
    least.set(i32x4.min(least.get, value.get)),
    i32x4.shiftSigned(i32x4.sub(value.get, lowBits.get), DROPPED),
  ]
  return (at === 0 ? keys : moreKeys).set(i16x8.narrow(key(at), key(at + 16)))
}

function bounds({ low, high, lows, highs }: Variables): Code {
  return [lows.set(f32x4.splat(low.get)), highs.set(f32x4.splat(high.get))]
}

/** Appends the step to the list if any lane of a vector is set: writes it behind the last entry, and takes the place only then. */
function list({ list, address }: Variables, lanes: Code): Code {
  const write = i32.store(list.get, address.get, LISTED)
  return [write, list.set(i32.add(list.get, i32.shl(v128.any(lanes), i32.const(2))))]
}

/** Computes the listed steps again, and appends what lies in the range to results and positions. */
function forEachListed(variables: Variables, saliency: SaliencyCode): Code {
  const { saliency: value, lows, highs, address, place, list, entry, bits } = variables
  const inside = v128.and(f32x4.ge(value.get, lows.get), f32x4.le(value.get, highs.get))
  const vector = (at: number) => [saliency(at), v128.store(i32.const(0), value.get, SCRATCH + at), inside]
  const pair = (at: number) => i16x8.narrow(vector(at), vector(at + 16))
  const step = [
    address.set(i32.load(entry.get, LISTED)),
    bits.set(i8x16.signs(i8x16.narrow(pair(0), pair(32)))),
    repeat(append(variables), bits.get),
  ]
  const next = i32.lt(entry.tee(plus(entry.get, 4)), list.get)
  return [
    place.set(i32.load(i32.const(0), 4 * HEADER.matches)),
    when(list.get, repeat(step, next)),
    i32.store(i32.const(0), place.get, 4 * HEADER.matches),
  ]
}

/** Writes the first weight of `bits` to the next free place, takes the place if there was one, and removes it from `bits`. */
function append({ bits, place, address, first }: Variables): Code {
  const lane = i32.trailingZeros(bits.get)
  const step = i32.shr(i32.sub(address.get, i32.const(WEIGHTS)), i32.const(2))
  return [
    i32.store(place.get, i32.load(i32.shl(lane, i32.const(2)), SCRATCH), RESULTS),
    i32.store(place.get, i32.add(i32.add(step, first.get), lane), POSITIONS),
    place.set(i32.add(place.get, i32.shl(i32.ne(bits.get, i32.const(0)), i32.const(2)))),
    bits.set(i32.and(bits.get, i32.sub(bits.get, i32.const(1)))),
  ]
}

/** header[word] += value. */
export function add(word: number, value: Code): Code {
  return i32.store(i32.const(0), i32.add(i32.load(i32.const(0), 4 * word), value), 4 * word)
}

/** header[word] |= value. */
export function raise(word: number, value: Code): Code {
  return i32.store(i32.const(0), i32.or(i32.load(i32.const(0), 4 * word), value), 4 * word)
}

/** The lanes of an i32x4 added up. */
export function sumOf(vector: Local): Code {
  return LANES.map((lane) => i32x4.lane(vector.get, lane)).reduce((sum, lane) => i32.add(sum, lane))
}
