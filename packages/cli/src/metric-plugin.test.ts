import { readFileSync } from 'node:fs'
import { modelBytes, parseText } from '@pare/onnx'
import { runResults } from '@pare/report'
import { expect, it } from 'vitest'
import { readTasks } from './settings/tasks.js'
import { fixture } from './testing/folder.js'
import { pare } from './testing/terminal.js'

/** The metric of the README, as a user copies it. */
const readme = readFileSync(new URL('../../metric/README.md', import.meta.url), 'utf8')
const NEAR_MISS = /```js\n(.*?)```/s.exec(readme)![1]!

const IDENTITY = await modelBytes(
  parseText(`<ir_version: 8, opset_import: ["" : 17]>
    scores (float[N, 4] x) => (float[N, 4] y)
    <float[4, 4] w = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}> { y = MatMul(x, w) }`),
)

// Best classes 0, 1, 2, 3, 0 …; labels one more in every fourth sample, and two more in every eighth.
const off = (i: number) => (i % 8 === 3 ? -2 : i % 4 === 0 ? 1 : 0)
const data = Array.from({ length: 40 }, (_, i) =>
  JSON.stringify({ x: [0, 1, 2, 3].map((at) => Number(at === i % 4)), label: (i % 4) + off(i) }),
).join('\n')

/** A metric of records, with an option. */
const SPREAD = `export const spread = ({ power = 1 } = {}) => ({
  name: 'spread', formula: 'largest output less the smallest, over all samples', better: 'lower', bounded: false,
  needs: { read: 'values', against: 'group' },
  of: ({ rows }) => [Math.max(...rows[0]), Math.min(...rows[0])],
  combine(records, weights) {
    const seen = records.filter((_, i) => weights?.[i] !== 0)
    return (Math.max(...seen.map(([high]) => high)) - Math.min(...seen.map(([, low]) => low))) ** power
  },
})`

const folderOf = () =>
  fixture(undefined, {
    'model.onnx': IDENTITY as unknown as string,
    'val.jsonl': data,
    'near-miss.mjs': NEAR_MISS,
    'node_modules/pare-metric-spread/package.json': JSON.stringify({
      name: 'pare-metric-spread',
      type: 'module',
      main: 'index.js',
    }),
    'node_modules/pare-metric-spread/index.js': SPREAD,
  })

it('a metric in a file, and one in a package with options, are measured beside ours', async () => {
  await using folder = await folderOf()
  const metrics = ['./near-miss.mjs', 'spread:power=2', 'accuracy'].flatMap((metric) => ['--metric', metric])
  const { json } = await pare(['evaluate', 'model.onnx', '--data', 'val.jsonl', '--json', ...metrics], { cwd: folder.path })
  // A quarter is one off, an eighth two.
  expect(json().metrics).toEqual({ './near-miss.mjs': 7 / 8, 'spread:power=2': 1, accuracy: 5 / 8 })
})

it('the gate judges it', async () => {
  await using folder = await folderOf()
  const args = ['run', 'model.onnx', '--data', 'val.jsonl', '--json', '--out', 'out', '--sparsity', '0.75']
  for (const [metric, verdict] of [
    ['./near-miss.mjs', 'pass'],
    ['spread', 'pass'],
  ] as const) {
    const limit = metric === 'spread' ? 'relative=0.5' : '0.5'
    const { stdout, stderr } = await pare([...args, '--metric', metric, '--max-drop', limit], { cwd: folder.path })
    const [model] = runResults.parse(JSON.parse(stdout)).models
    expect({
      verdict: model?.verdict,
      metric: model?.metric,
      stderr: model?.verdict === verdict ? '' : `${model?.summary} ${stderr}`,
    }).toEqual({
      ...{ verdict, metric },
      stderr: '',
    })
  }
})

it('one that is not installed, has no such option, or is no metric is told so', async () => {
  await using folder = await folderOf()
  const say = async (metric: string) =>
    (await pare(['evaluate', 'model.onnx', '--data', 'val.jsonl', '--metric', metric], { cwd: folder.path })).stderr
  expect(await say('nowhere')).toContain("metric 'nowhere' not found. Tried @pare/metric-nowhere, pare-metric-nowhere, nowhere")
  expect(await say('spread:size=2')).toContain("metric 'spread' has no option 'size' (2)")
  expect(await say('./val.jsonl')).toContain("metric './val.jsonl' could not be loaded")
  expect(await say('acuracy')).toContain("did you mean 'accuracy'?")
})

it('one of a checkout that is not trusted is not run, unless it comes with pare', async () => {
  await using folder = await folderOf()
  const read = (metric: string) =>
    readTasks({
      cwd: folder.path,
      trusted: false,
      config: { models: [{ path: 'model.onnx' }], evaluate: { data: 'val.jsonl', metric } },
      overrides: {},
    })
  await expect(read('./near-miss.mjs')).rejects.toMatchObject({ kind: 'untrusted' })
  await expect(read('spread')).rejects.toMatchObject({ kind: 'untrusted' })
  expect((await read('f1:average=micro')).tasks[0]?.evaluation?.request.metrics).toEqual(['f1:average=micro'])
})
