/** A part of a document that can be left out. */
export interface DocumentPart {
  readonly text: string
  /** 0 is most important. What is left out first has the highest rank and, within a rank, comes last. */
  readonly rank: number
  /** What a reader misses when it is left out, for the note: 'layer table', 'model'. */
  readonly what: string
}

/**
 * The parts in their order, as many as fit into `maxBytes` of UTF-8, and a note about what was left out. Important parts are
 * taken first, so a long table cannot push out a verdict. Where not even the note fits, what is returned is cut off.
 */
export function fit(parts: readonly DocumentPart[], maxBytes: number): string {
  const whole = parts.map(({ text }) => text).join('')
  if (byteLength(whole) <= maxBytes) return whole
  const fitting = new Set<DocumentPart>()
  // The note's numbers are not known yet; no note is longer than this for the few kinds of part there are.
  let room = maxBytes - 400
  for (const part of [...parts].sort((a, b) => a.rank - b.rank)) {
    const bytes = byteLength(part.text)
    if (bytes > room) continue
    fitting.add(part)
    room -= bytes
  }
  const text =
    parts.map((part) => (fitting.has(part) ? part.text : '')).join('') + note(parts.filter((part) => !fitting.has(part)))
  return byteLength(text) <= maxBytes ? text : cutOff(whole, maxBytes)
}

/** The longest beginning of whole characters. */
function cutOff(text: string, maxBytes: number): string {
  return new TextDecoder('utf-8').decode(Buffer.from(text).subarray(0, Math.max(0, maxBytes)), { stream: true })
}

function note(missing: readonly DocumentPart[]): string {
  const counts = new Map<string, number>()
  for (const { what } of missing) counts.set(what, (counts.get(what) ?? 0) + 1)
  const list = [...counts].map(([what, count]) => `${count} ${what}${count === 1 ? '' : 's'}`).join(', ')
  return `\n_Left out to fit: ${list}. The HTML report in the artifact has everything._\n`
}

function byteLength(text: string): number {
  return Buffer.byteLength(text)
}
