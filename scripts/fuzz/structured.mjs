// Changes to what a format says, not to its bytes: the message of a model, the value of a JSON text. What comes out is coded as it should be, and says something odd.
import { fromBinary, ModelProtoSchema, toBinary } from '../../packages/onnx/dist/bytes/proto.js'
import { pick } from './mutate.mjs'

/** A model in which fields, lists and names are others. */
export function changedModel(input, { random, corpus }) {
  const model = fromBinary(ModelProtoSchema, input)
  const lender = fromBinary(ModelProtoSchema, pick(corpus, random))
  change(model, { random, words: wordsOf([model, lender]), lent: placesIn(lender).map(({ owner, key }) => owner[key]) })
  return Buffer.from(toBinary(ModelProtoSchema, model))
}

/** A JSON text, or lines of them, in which values and keys are others. */
export function changedJson(input, { random, corpus, words }) {
  const value = linesOf(input)
  const lender = linesOf(pick(corpus, random))
  change(
    { value },
    { random, words: [...words, ...wordsOf([value, lender])], lent: placesIn(lender).map(({ owner, key }) => owner[key]) },
  )
  return Buffer.from(value.map((each) => JSON.stringify(each)).join('\n'))
}

function linesOf(input) {
  const text = input.toString('utf8')
  try {
    return [JSON.parse(text)]
  } catch {
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  }
}

function change(root, { random, words, lent }) {
  for (let count = 1 + Math.floor(random() * 3); count > 0; count--) {
    const places = placesIn(root)
    if (places.length === 0) return
    const { owner, key } = pick(places, random)
    const value = owner[key]
    const below = (n) => Math.floor(random() * n)
    if (Array.isArray(value) && random() < 0.6) changeList(value, { random, lent, below })
    else if (typeof value === 'string') owner[key] = random() < 0.8 ? pick(words, random) : `${value}${pick(words, random)}`
    else if (typeof value === 'number')
      owner[key] = pick([0, 1, 2, 3, 7, -1, value + 1, value - 1, value * 2, 2 ** 31 - 1], random)
    else if (typeof value === 'bigint')
      owner[key] = pick([0n, 1n, 2n, 3n, -1n, -2n, value + 1n, value - 1n, value * 2n, 2n ** 31n, 2n ** 62n], random)
    else if (typeof value === 'boolean') owner[key] = !value
    else if (random() < 0.5) {
      const other = pick(lent, random)
      if (typeof other === typeof value && other?.$typeName === value?.$typeName) owner[key] = structuredClone(other)
    } else if (Array.isArray(owner)) owner.splice(Number(key), 1)
    else if (value?.$typeName === undefined) delete owner[key]
  }
}

function changeList(list, { random, lent, below }) {
  const at = below(list.length)
  switch (below(5)) {
    case 0:
      list.splice(at, 1)
      break
    case 1:
      if (list.length > 0) list.splice(at, 0, structuredClone(list[below(list.length)]))
      break
    case 2: {
      const other = below(list.length)
      ;[list[at], list[other]] = [list[other], list[at]]
      if (list[at] === undefined) list.length = 0
      break
    }
    case 3: {
      const other = pick(lent, random)
      const like = list[0]
      if (like !== undefined && typeof other === typeof like && other?.$typeName === like?.$typeName)
        list.splice(at, 0, structuredClone(other))
      break
    }
    default:
      list.length = at
  }
}

/** Every value below, but in bytes. */
function placesIn(root, places = [], depth = 0) {
  if (root === null || typeof root !== 'object' || ArrayBuffer.isView(root) || depth > 40) return places
  for (const key of Object.keys(root)) {
    if (key.startsWith('$')) continue
    places.push({ owner: root, key })
    placesIn(root[key], places, depth + 1)
  }
  return places
}

function wordsOf(roots) {
  const found = roots
    .flatMap((root) => placesIn(root))
    .flatMap(({ owner, key }) => (typeof owner[key] === 'string' ? [owner[key]] : []))
  return ['', 'x', ...new Set(found)]
}

/** What JSON is written in, and names that objects have already. */
export const JSON_WORDS = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ',',
  ':',
  'null',
  'true',
  '1e308',
  '"__proto__":',
  '"constructor"',
  '\\u0000',
  '\\ud800',
  '[[[[[[[[',
  '{"a":',
]
