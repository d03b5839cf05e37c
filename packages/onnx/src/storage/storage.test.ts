import fc from 'fast-check'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { elementCount } from '../bytes/datatype.js'
import { makePayload, readAll } from '../bytes/payload.js'
import { readModel } from '../files/open.js'
import { modelBytes } from '../files/write.js'
import { editGraph, editModel } from '../graph/edit.js'
import type { Model } from '../model.js'
import { parseText } from '../text/text.js'
import { expandStorage } from './expand.js'
import { applyStorage, planStorage } from './store.js'

/** y = x + w, of which w is read out where x is 0. */
const model = (w: Float32Array | Int8Array | Uint8Array, shape: readonly number[], opset = 17): Model => {
  const type = w instanceof Float32Array ? 'float' : w instanceof Int8Array ? 'int8' : 'uint8'
  const at = `${type}[${shape}]`
  return parseText(
    `<ir_version: 8, opset_import: ["" : ${opset}]> m (float[n] x) => (${at} y, float[n] z) <${at} w> { y = Identity(w) z = Identity(x) }`,
    { w },
  )
}
const stored = async (own: Model) => applyStorage(own, await planStorage(own))
const bytesOf = async (own: Model) => readAll(own.graph.initializers.find(({ name }) => name === 'w')!.data)
const sizeOf = (own: Model) => own.graph.initializers.reduce((sum, { data }) => sum + data.byteLength, 0)

/** What ONNX Runtime reads the weight as. */
async function run(own: Model): Promise<Uint8Array> {
  const session = await InferenceSession.create(await modelBytes(own))
  const { y } = await session.run({ x: new OrtTensor('float32', Float32Array.of(0), [1]) })
  await session.release()
  const data = y!.data as Float32Array
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

describe('weights with many zeros', () => {
  // 1,000 and 1,003 elements: the bitmap ends with a byte, and within one.
  it.each([
    ['floats', [25, 40], (i: number) => (i % 9 === 0 ? Math.sin(i + 1) : 0)],
    ['floats, the last byte in part', [17, 59], (i: number) => (i % 5 === 0 ? i + 1 : 0)],
    ['floats with −0', [1003], (i: number): number => (i % 7 === 0 ? -0 : 0)],
    ['zeros alone', [300], (_: number): number => 0],
  ] as const)('of %s take fewer bytes, are read by ONNX Runtime, and expand to the same bits', async (_, shape, value) => {
    const whole = model(
      Float32Array.from({ length: elementCount(shape) }, (_, i) => value(i)),
      shape,
    )
    const sparse = await stored(whole)
    expect(sizeOf(sparse)).toBeLessThan(0.5 * sizeOf(whole))
    const before = await bytesOf(whole)
    expect(Buffer.compare(await run(sparse), before)).toBe(0)
    const again = await expandStorage(sparse)
    expect(again.graph.nodes.map(({ op }) => op)).toEqual(['Identity', 'Identity'])
    expect(Buffer.compare(await bytesOf(again), before)).toBe(0)
  })

  it('of integers have whatever is most frequent behind a bit', async () => {
    const own = model(
      Uint8Array.from({ length: 777 }, (_, i) => (i % 20 === 0 ? i % 256 : 128)),
      [777],
    )
    const sparse = await stored(own)
    expect(sizeOf(sparse)).toBeLessThan(300)
    expect(Buffer.compare(await run(sparse), await bytesOf(own))).toBe(0)
    expect(Buffer.compare(await bytesOf(await expandStorage(sparse)), await bytesOf(own))).toBe(0)
  })

  it('are read in any stretch of an expanded weight', async () => {
    const own = model(
      Float32Array.from({ length: 2100 }, (_, i) => (i % 3 === 0 ? i : 0)),
      [2100],
    )
    const [plain, before] = [await expandStorage(await stored(own)), await bytesOf(own)]
    const { data } = plain.graph.initializers.find(({ name }) => name === 'w')!
    await fc.assert(
      fc.asyncProperty(fc.nat(8399), fc.nat(700), async (offset, length) => {
        const target = new Uint8Array(Math.min(length, 8400 - offset))
        await data.read(target, offset)
        expect(Buffer.compare(target, before.subarray(offset, offset + target.length))).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  it('stay as they are where that saves nothing, they are small, or the opset has no BitShift', async () => {
    const full = Float32Array.from({ length: 1000 }, (_, i) => i + 1)
    for (const own of [model(full, [1000]), model(new Float32Array(255), [255]), model(new Float32Array(1000), [1000], 10)]) {
      const step = await planStorage(own)
      expect(step.weights).toEqual([])
      expect(await applyStorage(own, step)).toBe(own)
      expect(await expandStorage(own)).toBe(own)
    }
  })

  it('that a plan names and the model lacks are refused', async () => {
    const own = model(new Float32Array(1000), [1000])
    const weights = [{ id: 'w', elements: 999, others: 0 }]
    await expect(applyStorage(own, { weights })).rejects.toThrow(
      "the plan stores 'w' with 999 elements sparsely, and this model has it as float32[1000].",
    )
    await expect(applyStorage(own, { weights: [{ ...weights[0]!, id: 'v' }] })).rejects.toThrow('has no such initializer')
  })

  it('that look like stored ones and are not whole stay as they are', async () => {
    const sparse = await stored(
      model(
        Float32Array.from({ length: 1003 }, (_, i) => (i % 5 === 0 ? i + 1 : 0)),
        [1003],
      ),
    )
    const changed = async (name: RegExp, change: (bytes: Uint8Array) => void): Promise<Model> => {
      const own = await readModel(await modelBytes(sparse))
      const tensor = own.graph.initializers.find((each) => name.test(each.name))!
      const bytes = await readAll(tensor.data)
      change(bytes)
      const initializers = own.graph.initializers.map((each) =>
        each === tensor ? { ...tensor, data: makePayload(bytes) } : each,
      )
      return editModel(own, { graph: editGraph(own.graph, { initializers }) })
    }
    const fuller = await changed(/_bits/, (bits) => bits.fill(0xff, 3, 4))
    const turned = await changed(/shifts/, (shifts) => shifts.reverse())
    for (const own of [fuller, turned]) expect(await expandStorage(own)).toBe(own)
    const { graph } = await expandStorage(await changed(/_bits/, () => {}))
    expect(graph.nodes).toHaveLength(2)
  })
})
