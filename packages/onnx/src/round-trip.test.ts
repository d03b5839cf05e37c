import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { makePayload, readAll } from './bytes/payload.js'
import { openModel, readModel } from './files/open.js'
import { modelBytes, writeModel } from './files/write.js'
import { editGraph, editModel, editTensor } from './graph/edit.js'
import { withTensors } from './graph/with-tensors.js'
import { corpusModels, python, testModels, withoutCorpus, withoutPython } from './python.test.support.js'

const folder = mkdtempSync(join(tmpdir(), 'onnx-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('a model written as it was read', () => {
  test.each(testModels())('is the same byte for byte: %s', async (path) => {
    const out = join(folder, 'same.onnx')
    await using file = await openModel(path)
    await writeModel(file.model, out)
    expect(readFileSync(out).equals(readFileSync(path))).toBe(true)
  })

  test.skipIf(withoutCorpus)('is the same byte for byte: all of libonnx-testdata', async () => {
    const paths = corpusModels()
    expect(paths.length).toBeGreaterThan(1000)
    for (const path of paths) {
      const bytes = readFileSync(path)
      expect(bytes.equals(await modelBytes(await readModel(bytes))), path).toBe(true)
    }
  })
})

describe('a model encoded anew', () => {
  test.each(testModels())('is the same byte for byte, since its producer wrote in the order of the schema: %s', async (path) => {
    const bytes = readFileSync(path)
    expect(bytes.equals(await modelBytes(editModel(await readModel(bytes), {})))).toBe(true)
  })

  test.skipIf(withoutCorpus || withoutPython)('says the same to onnx: all of libonnx-testdata', async () => {
    const pairs: [string, string][] = []
    for (const [i, path] of corpusModels().entries()) {
      const out = join(folder, `${i}.onnx`)
      writeFileSync(out, await modelBytes(editModel(await readModel(readFileSync(path)), {})))
      pairs.push([path, out])
    }
    expect(python(SAME, JSON.stringify(pairs)).trim()).toBe('[]')
  })
})

/** Prints the pairs whose messages differ once all tensors hold raw_data. */
const SAME = `
def normal(message):
    if isinstance(message, onnx.TensorProto):
        if message.data_type != onnx.TensorProto.STRING:
            raw = onnx.numpy_helper.to_array(message).tobytes()
            for field in ('float_data', 'int32_data', 'int64_data', 'double_data', 'uint64_data'): message.ClearField(field)
            message.raw_data = raw
        return
    for field, value in message.ListFields():
        if field.message_type is None: continue
        for each in (value if field.label == field.LABEL_REPEATED else [value]): normal(each)
def load(path):
    model = onnx.load(path)
    normal(model)
    return model.SerializeToString(deterministic=True)
print(json.dumps([a for a, b in json.load(sys.stdin) if load(a) != load(b)]))
`

describe('masking one tensor', () => {
  test('leaves every other byte as it was', async () => {
    const path = testModels().find((each) => each.endsWith('mnist-resnet20-bn.onnx'))!
    const before = readFileSync(path)
    const out = join(folder, 'masked.onnx')
    await using file = await openModel(path)
    const weight = file.model.graph.initializers.find((tensor) => tensor.data.byteLength > 5000)!
    const zeros = makePayload(new Uint8Array(weight.data.byteLength))
    await writeModel(
      withTensors(file.model, (tensor) => (tensor === weight ? editTensor(tensor, { data: zeros }) : tensor)),
      out,
    )
    const expected = Buffer.from(before)
    const { offset } = weight.data.file!
    expected.fill(0, offset, offset + weight.data.byteLength)
    expect(readFileSync(out).equals(expected)).toBe(true)
    expect(before.equals(expected)).toBe(false)
  })

  test('keeps what was not masked readable from the edited model', async () => {
    const model = await readModel(readFileSync(testModels().find((path) => path.endsWith('mlp-digits.onnx'))!))
    const renamed = editModel(model, { graph: editGraph(model.graph, { name: 'other' }) })
    const again = await readModel(await modelBytes(renamed))
    expect(again.graph.name).toBe('other')
    for (const [i, tensor] of model.graph.initializers.entries()) {
      expect(await readAll(again.graph.initializers[i]!.data)).toEqual(await readAll(tensor.data))
    }
  })
})
