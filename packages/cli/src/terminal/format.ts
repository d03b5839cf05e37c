/** A value in an error message: JSON, cut short. */
export function formatValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  const text = JSON.stringify(value, (_, inner: unknown) => (Number.isNaN(inner) ? 'NaN' : inner)) ?? typeof value
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
