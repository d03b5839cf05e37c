// Models of 110 and 500 million parameters, made on the spot: a chain of Gemm nodes with normally distributed weights.
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { editGraph, editModel, editTensor, parseText, writeModel } from '@pare/onnx'

const folder = fileURLToPath(new URL('../out/', import.meta.url))

/** [name, out, in] of each weight. */
const shapes = {
  '110m': [...blocks(12, 768), ['embed', 30522, 768], ['pooler', 768, 768], ['cls', 1000, 768]],
  '500m': [...blocks(24, 1280), ['embed', 22000, 1280]],
}

function blocks(count, width) {
  const block = [
    ['q', width, width],
    ['k', width, width],
    ['v', width, width],
    ['o', width, width],
    ['up', 4 * width, width],
    ['down', width, 4 * width],
  ]
  return Array.from({ length: count }, (_, i) => block.map(([name, out, inputs]) => [`enc_${i}_${name}`, out, inputs])).flat()
}

/** Path of the model, written unless it is there. `storage`: 'inline' or 'external'. */
export async function benchModel(size, storage) {
  const path = `${folder}${size}-${storage}.onnx`
  if (existsSync(path)) return path
  await mkdir(folder, { recursive: true })
  const weights = shapes[size]
  let value = 'x'
  const branches = new Set(['embed', 'pooler', 'cls'])
  const nodes = weights.map(([name], i) => {
    const node = branches.has(name)
      ? `y_${name} = Gemm<transB = 1>(${value}, ${name})`
      : `h${i} = Gemm<transB = 1>(${value}, ${name})`
    if (!branches.has(name)) value = `h${i}`
    return node
  })
  const outputs = weights.filter(([name]) => branches.has(name)).map(([name, out]) => `float[N, ${out}] y_${name}`)
  const declared = weights.map(([name]) => `float[1, 1] ${name} = {0}`)
  const model = parseText(
    `bench (float[N, ${weights[0][2]}] x) => (${outputs.join(', ')}) <${declared.join(', ')}> { ${nodes.join('\n')} }`,
  )
  const initializers = model.graph.initializers.map((tensor, i) => {
    const [, out, inputs] = weights[i]
    return { ...editTensor(tensor, { shape: [out, inputs], data: normal(out * inputs, i + 1) }), storage }
  })
  await writeModel(editModel(model, { graph: editGraph(model.graph, { initializers }) }), path)
  return path
}

/** f32[count], each the sum of four uniform numbers, scaled to a deviation of 0.02: a function of (seed, position). */
function normal(count, seed) {
  return {
    byteLength: 4 * count,
    async read(target, offset) {
      const bytes = new Uint8Array(Math.ceil((target.length + (offset % 4)) / 4) * 4)
      const values = new Float32Array(bytes.buffer)
      const first = Math.floor(offset / 4)
      for (let i = 0; i < values.length; i++) {
        let x = Math.imul(first + i, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca6b)
        let sum = 0
        for (let k = 0; k < 4; k++) {
          x ^= x >>> 16
          x = Math.imul(x, 0x7feb352d)
          x ^= x >>> 15
          x = Math.imul(x, 0x846ca68b)
          x ^= x >>> 16
          sum += x
        }
        values[i] = (sum / 2 ** 32) * 0.02 * Math.sqrt(3)
      }
      target.set(bytes.subarray(offset % 4, (offset % 4) + target.length))
    },
  }
}
