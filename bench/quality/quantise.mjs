// node bench/quality/quantise.mjs [name[/criterion] …]: models in fewer bits, unpruned and pruned to half: bytes, bytes zipped, the metric, and how many times as fast as the original a run of
// eight samples is on one thread, in processor time: the fastest of ten stretches of each, in turn. Zeros are in dense files: what they save shows zipped.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { zippedSize } from '../../packages/cli/dist/pipeline/facts/zipped.js'

const runtime = createRequire(new URL('../../packages/evaluate/dist/index.js', import.meta.url))('onnxruntime-node')
const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = `${root}bench/out/quantise`
const products = ['int4', 'int4:rounding=gptq', 'int8', 'int8-weights', 'int8:rounding=gptq']
const transformer = [...products, 'int8-static', 'int8-static:smooth=search', 'int8:smooth=0.5', 'int4:smooth=search']
const blocks = ['int4:block=128', 'int4:block=128,rounding=gptq']
const pruned = (how) => ['--sparsity', '0.5', ...(how === 'lamp' ? ['--normalize', 'lamp'] : ['--criterion', how])]
const models = {
  'mnist-resnet20-folded': images(),
  'mnist-mobilenet-folded': images(),
  'kjv-bert': {
    ...{ data: 'kjv', metric: 'accuracy', samples: 256, dims: { seq: 96 } },
    rows: { unpruned: transformer, sparsegpt: products },
  },
  'lm-llama': {
    ...{ data: 'lm', metric: 'perplexity', samples: 128, dims: { seq: 128 } },
    rows: {
      unpruned: [...transformer, ...blocks],
      wanda: products,
      sparsegpt: products,
      alps: ['int8:rounding=gptq', 'int4:rounding=gptq'],
    },
  },
}

function images() {
  const forms = ['int8', 'int8-static']
  return { data: 'mnist', metric: 'accuracy', samples: 512, dims: {}, rows: { unpruned: forms, lamp: forms } }
}

const wanted = process.argv.slice(2)
console.log('| model | pruned | form | bytes | zipped | metric | times as fast |\n|---|---|---|---|---|---|---|')
for (const [name, { rows, ...model }] of Object.entries(models)) {
  const original = [`${root}test-models/${name}.onnx`, `${root}../shared/models/${name}.onnx`].find(existsSync)
  for (const [criterion, forms] of Object.entries(rows)) {
    if (wanted.length > 0 && !wanted.some((each) => `${name}/${criterion}`.startsWith(each))) continue
    const floats = criterion === 'unpruned' ? original : prune(original, model, pruned(criterion), 'floats')
    await row({ name, original, file: floats, criterion, form: 'f32', ...model })
    for (const form of forms) {
      // In one run, since rounding on data makes up for the mask, too.
      const how = criterion === 'unpruned' ? ['--sparsity', '0'] : pruned(criterion)
      const file = prune(original, model, [...how, '--quantise', form], 'bits')
      await row({ name, original, file, criterion, form, ...model })
    }
  }
}
rmSync(folder, { recursive: true, force: true })

async function row({ name, original, file, criterion, form, data, metric, dims }) {
  const { metrics } = pare(['evaluate', file, '--data', dataOf(data, 'evaluate'), '--metric', metric])
  const speed = (await processorTimeRatio([original, file], dims)).toFixed(2)
  const sizes = [statSync(file).size, await zippedSize(file)].map((size) => `${(size / 1e6).toPrecision(3)} MB`)
  const figure = metric === 'accuracy' ? metrics[metric].toFixed(4) : metrics[metric].toFixed(2)
  console.log(`| ${[name, criterion === 'unpruned' ? '' : `50 %, ${criterion}`, form, ...sizes, figure, speed].join(' | ')} |`)
}

async function processorTimeRatio(files, dims) {
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 }
  const sessions = await Promise.all(files.map((file) => runtime.InferenceSession.create(file, options)))
  const feeds = sessions.map((session) =>
    Object.fromEntries(session.inputMetadata.map((input) => [input.name, feedOf(input, dims)])),
  )
  const least = files.map(() => Infinity)
  for (let stretch = 0; stretch < 10; stretch++)
    for (const [i, session] of sessions.entries()) {
      await session.run(feeds[i])
      const start = process.cpuUsage()
      for (let run = 0; run < 10; run++) await session.run(feeds[i])
      const { user, system } = process.cpuUsage(start)
      least[i] = Math.min(least[i], user + system)
    }
  await Promise.all(sessions.map((session) => session.release()))
  return least[0] / least[1]
}

function feedOf({ name, type, shape }, dims) {
  const sizes = shape.map((size, i) => (typeof size === 'number' ? size : i === 0 ? 8 : dims[size]))
  const count = sizes.reduce((a, b) => a * b, 1)
  if (type === 'float32')
    return new runtime.Tensor(
      'float32',
      Float32Array.from({ length: count }, (_, i) => Math.sin(i)),
      sizes,
    )
  const token = (i) => (name.includes('mask') ? 1n : BigInt((i * 7) % 1000))
  return new runtime.Tensor(
    'int64',
    BigInt64Array.from({ length: count }, (_, i) => token(i)),
    sizes,
  )
}

/** Path of what comes out. */
function prune(file, { data, samples }, options, place) {
  const out = `${folder}/${place}`
  rmSync(out, { recursive: true, force: true })
  const looks = /sparsegpt|wanda|alps|gptq|static|smooth/.test(options.join())
  const calibrated = looks ? ['--calibrate', dataOf(data, 'calibrate'), '--samples', String(samples)] : []
  pare(['prune', file, ...options, ...calibrated, '--out', out])
  return `${out}/${file.split('/').at(-1)}`
}

function dataOf(data, part) {
  return [`${root}test-models/data/${data}-${part}.npz`, `${root}../shared/models/data/${data}-${part}.npz`].find(existsSync)
}

function pare(args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['packages/cli/bin/pare.js', ...args, '--json', '--quiet'], {
    ...{ cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 },
  })
  if (status !== 0) throw new Error(`pare ${args.join(' ')} ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}
