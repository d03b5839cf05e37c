/** Entries of where a tensor's elements are, in their order: keys may repeat, as they may in a file. */
export type Entries = readonly (readonly [key: string, value: string])[]

/**
 * The bytes of a model logits f32[N, 10] = input f32[N, 64] · w, whose weight has external data with these entries. Field by field, since what writes models
 * for us refuses to write such ones.
 */
export function externalModel(entries: Entries): Uint8Array {
  const external = entries.map(([key, value]) => field(13, [...text(1, key), ...text(2, value)]))
  const weight = [...numbers(1, 64, 10), ...numbers(2, 1), ...text(8, 'w'), ...external.flat(), ...numbers(14, 1)]
  const product = [...text(1, 'input'), ...text(1, 'w'), ...text(2, 'logits'), ...text(4, 'MatMul')]
  const graph = [
    ...field(1, product),
    ...text(2, 'g'),
    ...field(5, weight),
    ...field(11, value('input', 64)),
    ...field(12, value('logits', 10)),
  ]
  return Uint8Array.from([...numbers(1, 8), ...field(7, graph), ...field(8, numbers(2, 17))])
}

/** ValueInfoProto of f32[N, width]. */
function value(name: string, width: number): number[] {
  const dims = [...field(1, text(2, 'N')), ...field(1, numbers(1, width))]
  return [...text(1, name), ...field(2, field(1, [...numbers(1, 1), ...field(2, dims)]))]
}

/** A field of protobuf with a length: a message, a text or bytes. */
function field(number: number, content: readonly number[]): number[] {
  return [...varint(number * 8 + 2), ...varint(content.length), ...content]
}

function text(number: number, content: string): number[] {
  return field(number, [...Buffer.from(content)])
}

function numbers(number: number, ...values: readonly number[]): number[] {
  return values.flatMap((each) => [...varint(number * 8), ...varint(each)])
}

function varint(number: number): number[] {
  return number < 128 ? [number] : [(number % 128) | 128, ...varint(Math.floor(number / 128))]
}
