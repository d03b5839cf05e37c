// node bench/parity.mjs [--python python3]
// What is read of files that pyarrow writes beside what pyarrow holds, and `map` beside COCOeval of pycocotools, on 200 made sets of boxes. Needs a build, and
// a Python with both; what is not there is told and left out. The exit code is 1 where anything differs.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { sampleOf } from '@pare/metric'
import { map } from '@pare/metric-image/map'
import { metricValue, randomNumbers } from '@pare/testing'
import { openArrow } from '../packages/evaluate/dist/data/tables/arrow.js'
import { openParquet } from '../packages/evaluate/dist/data/tables/parquet.js'

const { values } = parseArgs({ options: { python: { type: 'string', default: 'python3' } } })
const folder = mkdtempSync(join(tmpdir(), 'parity-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

await tables()
boxes()

/** What a script says as JSON; undefined where it cannot run. */
function ask(name, { args = [], input = '' } = {}) {
  const script = fileURLToPath(new URL(`parity/${name}.py`, import.meta.url))
  const { status, stdout, stderr } = spawnSync(values.python, [script, ...args], { input, encoding: 'utf8', maxBuffer: 2 ** 28 })
  if (status === 0) return JSON.parse(stdout)
  console.log(`${name}: not compared (${String(stderr).trim().split('\n').at(-1)})`)
}

async function tables() {
  const written = ask('tables', { args: [folder] })
  if (written === undefined) return
  let [compared, different] = [0, 0]
  for (const name of written.files) {
    const open = name.endsWith('.parquet') ? openParquet : openArrow
    const table = await open({ path: join(folder, name), name, folder })
    let row = 0
    for await (const { values: own } of table.read()) {
      for (const [column, value] of Object.entries(own)) {
        compared++
        if (same(value, written.rows[row][column])) continue
        if (different++ < 10) console.log(`${name}, row ${row + 1}, ${column}:`, value, written.rows[row][column])
      }
      row++
    }
    if (row !== written.rows.length) different++
  }
  console.log(`pyarrow ${written.version}: ${written.files.length} files, ${compared} values compared, ${different} different`)
  if (different > 0) process.exitCode = 1
}

function same(own, theirs) {
  if (theirs === null) return own === null || own === undefined
  if (typeof theirs !== 'object') return (typeof own === 'bigint' ? Number(own) : own) === theirs
  if (own === null || typeof own !== 'object') return false
  if (theirs.$bytes !== undefined) return Buffer.from(own).equals(Buffer.from(theirs.$bytes))
  if (Array.isArray(theirs)) return own.length === theirs.length && theirs.every((each, i) => same(own[i], each))
  return Object.keys(theirs).every((key) => same(own[key], theirs[key]))
}

function boxes() {
  const cases = Array.from({ length: 200 }, (_, seed) => boxesOf(seed + 1))
  const reference = ask('boxes', { input: JSON.stringify(cases) })
  if (reference === undefined) return
  let [compared, largest] = [0, 0]
  for (const [i, stats] of reference.stats.entries()) {
    const samples = cases[i].images.map((image) =>
      sampleOf({ rows: [], places: 1, isSingle: true, boxes: structuredClone(image) }),
    )
    for (const [size, theirs] of Object.entries(stats ?? {})) {
      if (theirs === -1) continue
      compared++
      largest = Math.max(largest, Math.abs(metricValue(map({ size }), samples) - theirs))
    }
  }
  console.log(
    `pycocotools ${reference.version}: ${compared} values of map compared, largest difference ${largest.toExponential(1)}`,
  )
  if (!(largest < 1e-9)) process.exitCode = 1
}

/** Boxes of all sizes, crowds, more than 100 boxes in some images, and things that are smaller than their box. */
function boxesOf(seed) {
  const random = randomNumbers(seed)
  const upTo = (count) => Math.floor(count * random())
  const classes = 1 + upTo(5)
  const boxOf = (side) => {
    const [x, y] = [400 * random(), 400 * random()]
    return [x, y, x + side * (0.3 + random()), y + side * (0.3 + random())]
  }
  const images = Array.from({ length: 1 + upTo(30) }, () => {
    const expected = Array.from({ length: upTo(12) }, () => {
      const box = boxOf([8, 25, 40, 90, 180][upTo(5)])
      const area = (box[2] - box[0]) * (box[3] - box[1]) * (0.5 + 0.5 * random())
      return { box, class: upTo(classes), isCrowd: random() < 0.1, area }
    })
    const moved = (box) => box.map((value, at) => value + (random() - 0.5) * 0.3 * (box[(at % 2) + 2] - box[at % 2]))
    const near = expected.flatMap(({ box, class: own }) =>
      Array.from({ length: upTo(3) }, () => ({ box: moved(box), class: random() < 0.85 ? own : upTo(classes), score: random() })),
    )
    const stray = Array.from({ length: upTo(random() < 0.1 ? 130 : 3) }, () => ({
      box: boxOf(60),
      class: upTo(classes),
      score: random(),
    }))
    return { expected, detected: [...near, ...stray].filter(({ box }) => box[2] > box[0] && box[3] > box[1]) }
  })
  return { classes, images }
}
