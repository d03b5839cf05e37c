/**
 * Entities of a row of tags (B-PER, I-PER, E-PER, S-PER, O; IOB or IOBES), each as 'type:first:last'. As conlleval reads them: an I without its B
 * begins an entity too.
 */
export function spansOf(tags: readonly string[]): string[] {
  const spans: string[] = []
  let start = -1
  let before = { prefix: 'O', type: '' }
  for (const [i, tag] of [...tags, 'O'].entries()) {
    const own = partsOf(tag)
    if (start >= 0 && ends(before, own)) {
      spans.push(`${before.type}:${start}:${i - 1}`)
      start = -1
    }
    if (own.prefix !== 'O' && (start < 0 || begins(own))) start = i
    before = own
  }
  return spans
}

interface Tag {
  readonly prefix: string
  readonly type: string
}

function partsOf(tag: string): Tag {
  const [, prefix = 'O', type = ''] = /^([BIES])-(.*)$/.exec(tag) ?? []
  return { prefix, type }
}

/** Whether an entity with `before` in it is over where `own` comes next. */
function ends(before: Tag, own: Tag): boolean {
  return own.prefix === 'O' || begins(own) || before.prefix === 'E' || before.prefix === 'S' || before.type !== own.type
}

function begins({ prefix }: Tag): boolean {
  return prefix === 'B' || prefix === 'S'
}
