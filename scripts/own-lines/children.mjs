// The lines of a package's sources that child processes of its tests ran, by the notes that V8 leaves (NODE_V8_COVERAGE).
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { eachMapping, originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'

/** The lines on which a statement of Istanbul's map starts, and those of them that ran. */
export function linesOf({ statementMap, s: counts }) {
  const [all, covered] = [new Set(), new Set()]
  for (const [id, { start }] of Object.entries(statementMap)) {
    all.add(start.line)
    if (counts[id] > 0) covered.add(start.line)
  }
  return { all, covered }
}

/**
 * The lines that ran, by the path of their source. `notes` is the folder of V8's notes, and `mapped` what the compiler makes of the package
 * with source maps: the same text as `dist` in `folder`, which children run.
 */
export function linesOfChildren(notes, { folder, mapped }) {
  const dist = `${pathToFileURL(resolve(folder, 'dist')).href}/`
  const lines = new Map()
  const maps = new Map()
  for (const note of readdirSync(notes)) {
    for (const { url, functions } of JSON.parse(readFileSync(join(notes, note), 'utf8')).result) {
      if (!url.startsWith(dist)) continue
      const path = relative(resolve(folder, 'dist'), fileURLToPath(url))
      const isBundled = dirname(path) === 'child'
      const file = isBundled ? fileURLToPath(url) : join(mapped, path)
      if (!maps.has(file)) maps.set(file, isBundled ? bundledSegmentsOf(file, { folder, mapped }) : segmentsOf(file))
      const ran = rangesOf(functions)
      for (const { offset, source, line } of maps.get(file)) {
        if (!lines.has(source)) lines.set(source, new Set())
        if (ran(offset)) lines.get(source).add(line)
      }
    }
  }
  return lines
}

/** Where each piece of a compiled file comes from; nothing where the compiler made no such file (a bundle). */
function segmentsOf(file) {
  if (!existsSync(`${file}.map`)) return []
  const starts = [0]
  for (const line of readFileSync(file, 'utf8').split('\n')) starts.push(starts.at(-1) + line.length + 1)
  const segments = []
  eachMapping(
    new TraceMap(readFileSync(`${file}.map`, 'utf8')),
    ({ generatedLine, generatedColumn, source, originalLine, originalColumn }) => {
      if (source === null) return
      const offset = starts[generatedLine - 1] + generatedColumn
      segments.push({ offset, source: resolve(join(file, '..'), source), line: originalLine, column: originalColumn })
    },
  )
  return segments
}

/** The same for a file of the child's bundle, which is made of compiled files; those of other packages are left out. */
function bundledSegmentsOf(file, { folder, mapped }) {
  const compiled = new Map()
  return segmentsOf(file).flatMap(({ offset, source, line, column }) => {
    const path = relative(resolve(folder, 'dist'), source)
    const map = join(mapped, `${path}.map`)
    if (!compiled.has(path))
      compiled.set(path, path.startsWith('..') || !existsSync(map) ? undefined : new TraceMap(readFileSync(map, 'utf8')))
    if (compiled.get(path) === undefined) return []
    const place = originalPositionFor(compiled.get(path), { line, column })
    return place.source === null ? [] : [{ offset, source: resolve(map, '..', place.source), line: place.line }]
  })
}

/** Whether what stands at an offset ran: the innermost range of V8 that holds it says so. Ranges of V8 nest. */
function rangesOf(functions) {
  const ranges = functions.flatMap((one) => one.ranges).sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset)
  const edges = []
  const open = []
  const close = (offset) => {
    while (open.length > 0 && open.at(-1).endOffset <= offset) {
      const { endOffset } = open.pop()
      edges.push({ offset: endOffset, ran: (open.at(-1)?.count ?? 0) > 0 })
    }
  }
  for (const range of ranges) {
    close(range.startOffset)
    open.push(range)
    edges.push({ offset: range.startOffset, ran: range.count > 0 })
  }
  close(Number.POSITIVE_INFINITY)
  return (offset) => {
    let [low, high] = [0, edges.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (edges[middle].offset <= offset) low = middle + 1
      else high = middle
    }
    return edges[low - 1]?.ran ?? false
  }
}
