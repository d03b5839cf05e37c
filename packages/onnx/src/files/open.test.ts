import { appendFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readAll } from '../bytes/payload.js'
import { GraphProtoSchema, type ModelProto, ModelProtoSchema, toBinary } from '../bytes/proto.js'
import { valuesOf } from '../bytes/values.js'
import { varintBytes } from '../bytes/wire.js'
import { editModel } from '../graph/edit.js'
import { withTensors } from '../graph/with-tensors.js'
import { parseText } from '../text/text.js'
import { openModel, readModel } from './open.js'
import { modelBytes, writeModel } from './write.js'

const folder = mkdtempSync(join(tmpdir(), 'onnx-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('payloads say where in the file they are, wherever the tensor stands', async () => {
  const path = join(folder, 'm.onnx')
  const model = parseText(
    `m (bool c, float[2048] x) => (float[2048] y) <float[2048] w>
     { k = Constant<value = float[2] {3, 4}>()
       y = If(c) <then_branch = t () => (float[2048] a) <float[2048] v> { a = Mul(w, v) }, else_branch = e () => (float[2048] b) { b = Neg(w) }> }`,
    { w: Float32Array.from({ length: 2048 }, (_, i) => i), v: Float32Array.from({ length: 2048 }, (_, i) => -i) },
  )
  await writeModel(model, path)
  const bytes = readFileSync(path)
  await using file = await openModel(path)
  const checks: Promise<void>[] = []
  withTensors(file.model, (tensor, id) => {
    const { offset, path: of } = tensor.data.file!
    checks.push(
      readAll(tensor.data).then((read) => {
        expect([id, of, Buffer.from(read).equals(bytes.subarray(offset, offset + read.length))]).toEqual([id, path, true])
      }),
    )
    return tensor
  })
  await Promise.all(checks)
  expect(checks.length).toBe(3)
})

test('a tensor of 2.5 GiB is stepped over, and what stands behind it is found', async () => {
  const path = join(folder, 'large.onnx')
  const size = 2.5 * 2 ** 30
  // Names (field 8), type (2) uint8, dims (1), raw_data (9).
  const large = [0x42, 1, 0x61, 0x10, 2, 0x08, ...varintBytes(size), 0x4a, ...varintBytes(size)]
  const small = [0x42, 1, 0x62, 0x10, 2, 0x08, 3, 0x4a, 3, 7, 8, 9]
  const first = [0x2a, ...varintBytes(large.length + size), ...large]
  const second = [0x2a, small.length, ...small]
  const head = [0x3a, ...varintBytes(first.length + size + second.length), ...first]
  writeFileSync(path, Uint8Array.from(head))
  truncateSync(path, head.length + size)
  appendFileSync(path, Uint8Array.from(second))
  const handle = await open(path, 'r+')
  await handle.write(Uint8Array.of(5), 0, 1, head.length + size - 1)
  await handle.close()
  await using file = await openModel(path)
  expect(file.bytes).toBe(head.length + size + second.length)
  const [a, b] = file.model.graph.initializers
  expect(a).toMatchObject({ name: 'a', shape: [size], data: { byteLength: size, file: { offset: head.length } } })
  const last = new Uint8Array(2)
  await a!.data.read(last, size - 2)
  expect([...last]).toEqual([0, 5])
  expect([...valuesOf('uint8', await readAll(b!.data))]).toEqual([7, 8, 9])
})

test.skipIf(process.platform === 'win32')('the model itself may be behind a symbolic link', async () => {
  const path = join(folder, 'real.onnx')
  await writeModel(parseText('m (float x) => (float y) { y = Neg(x) }'), path)
  symlinkSync(path, join(folder, 'link.onnx'))
  await using file = await openModel(join(folder, 'link.onnx'))
  expect(file.model.graph.nodes[0]!.op).toBe('Neg')
  await expect(writeModel(file.model, path)).rejects.toThrow('is read from')
})

test('opset versions of several domains, strings and sparse initializers are kept', async () => {
  // A sparse initializer (graph field 15) of one value: values (1) f32 [2.5] named s, indices (2) i64 [1], dims (3) [3].
  const values = [0x08, 1, 0x10, 1, 0x42, 1, 0x73, 0x4a, 4, 0, 0, 0x20, 0x40]
  const indices = [0x08, 1, 0x10, 7, 0x4a, 8, 1, 0, 0, 0, 0, 0, 0, 0]
  const sparse = [0x0a, values.length, ...values, 0x12, indices.length, ...indices, 0x18, 3]
  const text = parseText(
    '<opset_import: ["" : 17, "com.microsoft" : 1]> m (string[2] x) => (string[2] y) <string[2] s = {"a", "b"}> { y = Identity(x) }',
  )
  const graph = [...toBinary(GraphProtoSchema, text.proto.graph!), 0x7a, sparse.length, ...sparse]
  const rest = toBinary(ModelProtoSchema, { ...text.proto, graph: undefined } as unknown as ModelProto)
  const model = await readModel(Uint8Array.from([...rest, 0x3a, ...varintBytes(graph.length), ...graph]))
  expect([...model.opsets]).toEqual([
    ['', 17],
    ['com.microsoft', 1],
  ])
  expect(model.graph.sparseInitializers).toEqual(['s'])
  const again = await readModel(await modelBytes(editModel(model, {})))
  expect(again.graph.sparseInitializers).toEqual(['s'])
  expect(again.graph.initializers[0]!.strings!.map((each) => Buffer.from(each).toString())).toEqual(['a', 'b'])
  const tail = Buffer.from(await modelBytes(again)).toString('hex')
  expect(tail).toContain(Buffer.from(values).toString('hex'))
  expect(tail).toContain(Buffer.from(indices).toString('hex'))
})
