/** Values of a columnar format as JSON has them: whole numbers of 64 bits as numbers, lists as arrays. Bytes stay bytes. */
export function plainRow(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]))
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof BigInt64Array || value instanceof BigUint64Array) return Array.from(value, Number)
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value) || value instanceof Date) return value
  if (Array.isArray(value)) return value.map(plain)
  if (isColumn(value)) return Array.from(value, plain)
  return plainRow(value as Record<string, unknown>)
}

/** A list as Arrow readers give it. */
function isColumn(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value
}
