import stringWidth from 'string-width'

/** Lines of at most `width` columns of a terminal, broken at blanks. A word that is longer stays whole, unless `whole` is false: then it is broken too. Linear. */
export function wrapped(text: string, width: number, { whole = true }: { readonly whole?: boolean } = {}): readonly string[] {
  const lines: string[] = []
  let line = ''
  let used = 0
  for (const word of text.split(/\s+/).flatMap((each) => (each === '' ? [] : whole ? [each] : pieces(each, width)))) {
    const wide = stringWidth(word)
    if (line !== '' && used + 1 + wide > width) {
      lines.push(line)
      line = ''
      used = 0
    }
    used += wide + (line === '' ? 0 : 1)
    line += line === '' ? word : ` ${word}`
  }
  return line === '' ? lines : [...lines, line]
}

/** A word in parts of at most so many columns, broken behind what separates its own parts where there is such a place: of a path its folders. */
function pieces(word: string, width: number): string[] {
  if (stringWidth(word) <= width) return [word]
  const parts: string[] = []
  let part = ''
  let used = 0
  for (const { segment } of GRAPHEMES.segment(word)) {
    const wide = stringWidth(segment)
    if (part !== '' && used + wide > width) {
      const [head, rest = ''] = part.match(BREAK)?.slice(1) ?? [part]
      parts.push(head!)
      part = rest
      used = stringWidth(rest)
    }
    part += segment
    used += wide
  }
  return [...parts, part]
}

/** Up to the last separator of a part, and what is behind it. */
const BREAK = /^(.*[/\\_:-])(.+)$/s

const GRAPHEMES = new Intl.Segmenter()
