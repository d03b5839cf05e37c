// Runs a pruned model twice on one device and shows what its zeros save. ?model=URL opens one at once.
import { openGpu } from '@pare/gpu'
import { GpuSession } from '@pare/gpu/session'
import { Tensor } from 'onnxruntime-common'

const [form, status, results, sizes] = ['form', '[role=status]', '#results', '#sizes'].map((at) => document.querySelector(at))
const RUNS = 20
let bytes

form.model.addEventListener('change', async () => {
  const [file] = form.model.files
  if (file !== undefined) await choose(new Uint8Array(await file.arrayBuffer()))
})
form.addEventListener('submit', (event) => {
  event.preventDefault()
  shown(run)
})

const asked = new URL(location.href).searchParams.get('model')
if (asked !== null) {
  const response = await fetch(asked)
  if (response.ok) {
    await choose(new Uint8Array(await response.arrayBuffer()))
    await shown(run)
  } else say(`${asked} could not be read: ${response.status} ${response.statusText}`)
}

/** Asks for the sizes that the model leaves open. */
async function choose(chosen) {
  await shown(async () => {
    bytes = chosen
    const { inputs } = await withSessions(async ([session]) => ({ inputs: session.inputMetadata }))
    const open = new Set(inputs.flatMap(({ shape }) => shape.filter((size) => typeof size === 'string' && size !== '')))
    sizes.replaceChildren(
      ...[...open].map((name) => {
        const label = document.createElement('label')
        const field = Object.assign(document.createElement('input'), {
          type: 'number',
          min: 1,
          name: `size ${name}`,
          value: /batch|^N$/i.test(name) ? 1 : 16,
        })
        label.append(name, field)
        return label
      }),
    )
    form.querySelector('button').disabled = false
    say('Ready.')
  })
}

async function run() {
  say('Running …')
  await withSessions(async ([dense, sparse], gpu) => {
    const feeds = Object.fromEntries(dense.inputMetadata.map((input) => [input.name, madeUp(input)]))
    const outputs = [await dense.run(feeds), await sparse.run(feeds)]
    const times = [[], []]
    for (let i = 0; i < RUNS; i++)
      for (const [which, session] of [dense, sparse].entries()) {
        const start = performance.now()
        await session.run(feeds)
        times[which].push(performance.now() - start)
      }
    show({
      gpu,
      sessions: [dense, sparse],
      ms: times.map((all) => all.sort((a, b) => a - b)[RUNS >> 1]),
      difference: differenceOf(...outputs),
    })
  })
}

/** Both sessions on one device: with more zeros than there are asked of a weight before it lies sparse, all lie dense. */
async function withSessions(use) {
  const gpu = await openGpu()
  try {
    const dense = await GpuSession.create(bytes, { gpu, leastSparsity: 2 })
    const sparse = await GpuSession.create(bytes, { gpu, tuning: dense.tuning })
    try {
      return await use([dense, sparse], gpu)
    } finally {
      for (const session of [dense, sparse]) await session.release()
    }
  } finally {
    await gpu[Symbol.asyncDispose]()
  }
}

function madeUp({ name, type, shape }) {
  const dims = shape.map((size) => (typeof size === 'number' ? size : Number(form.elements[`size ${size}`]?.value ?? 1)))
  const count = dims.reduce((a, b) => a * b, 1)
  if (type === 'int64')
    return new Tensor(
      'int64',
      BigInt64Array.from({ length: count }, (_, i) => (/mask/.test(name) ? 1n : BigInt((i * 7919) % 100))),
      dims,
    )
  if (type === 'float32')
    return new Tensor(
      'float32',
      Float32Array.from({ length: count }, (_, i) => Math.sin(1.37 * i)),
      dims,
    )
  throw new Error(`This page makes no inputs of ${type}, which ‘${name}’ takes.`)
}

/** The largest difference of all outputs, relative to the largest number of its output. */
function differenceOf(one, other) {
  return Math.max(
    ...Object.keys(one).map((name) => {
      const largest = one[name].data.reduce((most, value) => Math.max(most, Math.abs(Number(value))), 1e-30)
      return one[name].data.reduce(
        (most, value, i) => Math.max(most, Math.abs(Number(value) - Number(other[name].data[i])) / largest),
        0,
      )
    }),
  )
}

function show({ gpu, sessions, ms, difference }) {
  const { name: adapter, software } = gpu.adapter
  const all = sessions.map(({ plan, costs }) => ({ plan, costs }))
  const weights = all.map(({ plan }) => plan.products.reduce((sum, product) => sum + product.bytes, 0))
  say(
    `On ${adapter}: outputs ${difference <= 1e-5 ? 'equal to rounding' : 'DIFFER'} (${difference.toExponential(1)} of the largest). ${
      software
        ? 'This adapter computes on the CPU, so its times say nothing of GPUs.'
        : `Sparse is ${(ms[0] / ms[1]).toPrecision(3)}× as fast.`
    }`,
  )
  results.replaceChildren(
    table(
      'One run',
      ['', 'dense', 'sparse'],
      [
        ['weights that are multiplied', ...weights.map(inBytes)],
        [`milliseconds, median of ${RUNS}`, ...ms.map((each) => each.toPrecision(3))],
        ['kernels', ...all.map(({ costs }) => String(costs.dispatches))],
        ['submissions', ...all.map(({ costs }) => String(costs.submissions))],
        ['sent to the GPU', ...all.map(({ costs }) => inBytes(costs.uploaded))],
        ['read from it', ...all.map(({ costs }) => inBytes(costs.readBack))],
      ],
    ),
    table(
      'Products',
      ['weight', 'in × out', 'zeros', 'stored as', 'bytes', 'fewer'],
      all[1].plan.products.map(({ weight, in: inputs, out, sparsity, format, bytes: size, denseBytes }) => [
        weight,
        `${inputs} × ${out}`,
        `${(100 * sparsity).toFixed(1)} %`,
        format,
        inBytes(size),
        `${(denseBytes / size).toPrecision(3)}×`,
      ]),
    ),
  )
}

function inBytes(count) {
  if (count < 1000) return `${count} B`
  return count < 1e6 ? `${(count / 1e3).toPrecision(3)} kB` : `${(count / 1e6).toPrecision(3)} MB`
}

function table(title, head, rows) {
  const element = document.createElement('table')
  element.createCaption().textContent = title
  const row = (into, cells, kind) => {
    const line = into.insertRow()
    for (const text of cells) line.appendChild(Object.assign(document.createElement(kind), { textContent: text }))
  }
  row(element.createTHead(), head, 'th')
  const body = element.createTBody()
  for (const cells of rows) row(body, cells, 'td')
  const wide = Object.assign(document.createElement('div'), { className: 'wide' })
  wide.append(element)
  return wide
}

/** What goes wrong is shown, with what to do. */
async function shown(work) {
  try {
    await work()
  } catch (error) {
    say(error.hint === undefined ? error.message : `${error.message} ${error.hint}`)
  }
}

function say(text) {
  status.textContent = text
}
