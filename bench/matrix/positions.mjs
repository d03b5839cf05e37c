// Which positions of an array are left in another one: found by comparing values, knowing nothing of who removed them.

/**
 * Of each axis, the positions of `before` that `after` kept, in order: `before` at these is `after`, bit for bit. Undefined where `after` is no such part of
 * `before`. Arrays are { shape, values }. Of several answers, which differ only where values are equal, the first.
 */
export function keptPositions(before, after) {
  if (before.shape.length !== after.shape.length) return undefined
  const all = before.shape.map((size) => Array.from({ length: size }, (_, i) => i))
  const kept = before.shape.map((size, axis) => (after.shape[axis] === size ? all[axis] : undefined))
  const open = kept.flatMap((each, axis) => (each === undefined ? [axis] : []))
  const found = search(before, after, kept, open)
  return found
}

/** Axes are settled one by one: first roughly, by order of values, then exactly, once all others are known. */
function search(before, after, kept, open) {
  if (open.length === 0) return isPart(before, after, kept) ? kept : undefined
  const [axis, ...others] = open
  for (let skip = 0; skip <= Math.min(before.shape[axis] - after.shape[axis], 64); skip++) {
    const positions = others.length === 0 ? exactly(before, after, kept, axis) : roughly(before, after, { kept, axis, skip })
    if (positions === undefined) return undefined
    const result = search(before, after, kept.with(axis, positions), others)
    if (result !== undefined || others.length === 0) return result
  }
  return undefined
}

/** Where the values along all other axes are equal. */
function exactly(before, after, kept, axis) {
  const rest = restricted(before, kept)
  const positions = []
  let from = 0
  for (let i = 0; i < after.shape[axis]; i++) {
    while (from < rest.shape[axis] && !isSlice(rest, after, { axis, from, to: i })) from++
    if (from === rest.shape[axis]) return undefined
    positions.push(from++)
  }
  return positions
}

/** Where the values of a position of `after` follow one another among those of a position of `before`. */
function roughly(before, after, { kept, axis, skip }) {
  const positions = []
  let from = skip
  for (let i = 0; i < after.shape[axis]; i++) {
    const wanted = sliceOf(after, axis, i)
    while (from < before.shape[axis] && !isWithin(wanted, sliceOf(before, axis, from))) from++
    if (from === before.shape[axis]) return undefined
    positions.push(from++)
  }
  return kept[axis] ?? positions
}

function isWithin(wanted, values) {
  let found = 0
  for (let i = 0; i < values.length && found < wanted.length; i++) if (Object.is(values[i], wanted[found])) found++
  return found === wanted.length
}

function sliceOf({ shape, values }, axis, position) {
  const stride = shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1)
  const slice = new Float64Array(outer * stride)
  for (let o = 0, at = 0; o < outer; o++)
    for (let s = 0; s < stride; s++, at++) slice[at] = values[(o * shape[axis] + position) * stride + s]
  return slice
}

/** Two arrays whose other axes are as long. */
function isSlice(rest, after, { axis, from, to }) {
  const stride = after.shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const outer = after.shape.slice(0, axis).reduce((a, b) => a * b, 1)
  for (let o = 0; o < outer; o++) {
    const [one, two] = [(o * rest.shape[axis] + from) * stride, (o * after.shape[axis] + to) * stride]
    for (let s = 0; s < stride; s++) if (!Object.is(rest.values[one + s], after.values[two + s])) return false
  }
  return true
}

function isPart(before, after, kept) {
  const { values } = restricted(before, kept)
  return values.length === after.values.length && values.every((value, i) => Object.is(value, after.values[i]))
}

/** The array at some positions of some axes; of those that are not listed, at all. */
export function restricted(array, kept) {
  let { shape, values } = array
  for (const [axis, positions] of kept.entries()) {
    if (positions === undefined || positions.length === shape[axis]) continue
    const stride = shape.slice(axis + 1).reduce((a, b) => a * b, 1)
    const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1)
    const taken = new values.constructor(outer * positions.length * stride)
    for (let o = 0, at = 0; o < outer; o++)
      for (const position of positions) {
        const start = (o * shape[axis] + position) * stride
        for (let s = 0; s < stride; s++, at++) taken[at] = values[start + s]
      }
    values = taken
    shape = shape.with(axis, positions.length)
  }
  return { shape, values }
}
