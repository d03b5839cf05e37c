import stringWidth from 'string-width'
import type { Output } from './io.js'
import { wrapped } from './wrap.js'

export interface TableOptions {
  /** Characters that a line may have. Default 80. */
  readonly columns?: number | undefined
  /** Titles of the columns whose cells stand flush right: numbers. */
  readonly right?: readonly string[]
  /** Titles of the columns whose cells lose their middle rather than be broken, where they can be told apart by both ends. They give way first. */
  readonly shorten?: readonly string[]
}

/** Characters of a line where no terminal says how many it has: logs and pipes always get the same. */
const COLUMNS = 80

/** A terminal that is narrower gets lines for this many: cells of a few characters cannot be read. */
const LEAST_COLUMNS = 40

/** How wide the lines of an output may be, in characters: as wide as the terminal, else 80. */
export function columnsOf({ isTTY, columns }: Output): number {
  return isTTY === true && columns !== undefined && columns > 0 ? Math.max(columns, LEAST_COLUMNS) : COLUMNS
}

/**
 * A table without lines: columns that stand under each other are enough. Wide and coloured characters count as they look. Where a row has no room, the widest
 * columns are broken into lines, at blanks first.
 */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { columns = COLUMNS, right = [], shorten = [] }: TableOptions = {},
): string {
  const isShortened = head.map((title) => shorten.includes(title))
  const room = fittingWidths([head, ...rows], columns, isShortened)
  const isCut = head.map(
    (_, i) =>
      isShortened[i]! &&
      areDistinct(
        [head, ...rows].map((row) => row[i] ?? ''),
        room[i]!,
      ),
  )
  const linesOf = (cell: string, i: number) =>
    stringWidth(cell) <= room[i]! ? [cell] : isCut[i] ? [shortened(cell, room[i]!)] : wrapped(cell, room[i]!, { whole: false })
  const cells = [head, ...rows].map((row) => head.map((_, i) => linesOf(row[i] ?? '', i)))
  const widths = head.map((_, i) =>
    widest(
      cells.flatMap((row) => row[i]!),
      stringWidth,
    ),
  )
  const pad = (line: string, i: number) => {
    const blanks = ' '.repeat(widths[i]! - stringWidth(line))
    return right.includes(head[i]!) ? blanks + line : line + blanks
  }
  return cells.flatMap((row) => linesIn(row).map((line) => line.map(pad).join(' '.repeat(GAP)).trimEnd())).join('\n')
}

/** Cells of several lines, line by line. */
function linesIn(row: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const height = Math.max(...row.map(({ length }) => length))
  return Array.from({ length: height }, (_, line) => row.map((lines) => lines[line] ?? ''))
}

/** Blanks between two columns. */
const GAP = 2

/** A column is not made narrower than its longest word, unless that has more characters than this. */
const LONG_WORD = 12

/** No name is cut shorter while other columns can give. */
const LEAST_NAME = 24

/** No column is narrower. */
const LEAST_WIDTH = 6

/** Cut short in the middle: both ends of a name tell where it belongs. */
function shortened(name: string, width: number): string {
  if (name.length <= width) return name
  const head = Math.floor((width - 1) / 3)
  return `${name.slice(0, head)}…${name.slice(name.length - (width - 1 - head))}`
}

/** Whether names can still be told apart once they are cut short. */
function areDistinct(names: readonly string[], width: number): boolean {
  const all = new Set(names)
  return new Set([...all].map((name) => shortened(name, width))).size === all.size
}

/** The width of each column, in characters: what its cells need, less what the widest must give for the sum to fit. */
function fittingWidths(
  rows: readonly (readonly string[])[],
  columns: number,
  isShortened: readonly boolean[],
): readonly number[] {
  const column = (i: number) => rows.map((row) => row[i] ?? '')
  const longestWord = (cell: string) => Math.max(...cell.split(/\s+/).map((word) => stringWidth(word)))
  const widths = rows[0]!.map((_, i) => widest(column(i), stringWidth))
  const words = widths.map((_, i) => widest(column(i), longestWord))
  const room = columns - GAP * (widths.length - 1)
  const limits: readonly ((column: number) => number)[] = [
    (i) => (isShortened[i] ? LEAST_NAME : Number.POSITIVE_INFINITY),
    (i) => Math.max(words[i]!, LONG_WORD),
    (i) => Math.min(words[i]!, LONG_WORD),
    () => LEAST_WIDTH,
  ]
  for (const limit of limits) narrow(widths, room, limit)
  return widths
}

/** Rows may be too many to be arguments. */
const widest = (texts: readonly string[], measure: (text: string) => number) =>
  texts.reduce((most, text) => Math.max(most, measure(text)), 1)

/** Takes from the widest column that is above its limit, until all have room or none can give. */
function narrow(widths: number[], room: number, limit: (column: number) => number): void {
  const sum = () => widths.reduce((all, width) => all + width, 0)
  for (let excess = sum() - room; excess > 0; excess--) {
    const able = widths.map((_, i) => i).filter((i) => widths[i]! > limit(i))
    if (able.length === 0) return
    const widest = able.reduce((best, i) => (widths[i]! > widths[best]! ? i : best))
    widths[widest]!--
  }
}
