import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readAll } from '../bytes/payload.js'
import { valuesOf } from '../bytes/values.js'
import { PareError } from '../error.js'
import { modelBytes } from '../files/write.js'
import { python, withoutPython } from '../python.test.support.js'
import { parseText } from './text.js'

const folder = mkdtempSync(join(tmpdir(), 'onnx-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Understood by the parser of onnx 1.12 too. */
const COMMON = `<ir_version: 8, opset_import: ["" : 17, "local" : 1], producer_name: "tests", doc_string: "a word">
mlp (float[N, 4, ?] x, bool c, int64 n, float[] u) => (float[N, 2] y, float z)
{
  # a comment
  h = MatMul(x, w)
  k = Constant <value = float[2] {1.5, -2e-1}> ()
  s, t = Split <axis = 1, alpha = 0.5, mode = "same", pads = [1, 2], scales = [0.5, 2.0], names = ["a", "b"]> (h, k)
  g = If (c) <then_branch = yes () => (float[2] a) { a = Add(s, k) }, else_branch = no () => (float[2] b) { b = local.f <beta = 2> (s) }>
  e = Clip(g, , k)
  y, z = com.example.Two(e)
}
<domain: "local", opset_import: ["" : 17]>
f <beta> (p) => (q) { q = Scale <by : int = @beta> (p) }
`

describe('ONNX text', () => {
  test.skipIf(withoutPython)('gives the message that onnx.parser gives', async () => {
    const path = join(folder, 'ours.onnx')
    writeFileSync(path, await modelBytes(parseText(COMMON)))
    const script = `
text, path = json.load(sys.stdin)
theirs, ours = onnx.parser.parse_model(text), onnx.load(path)
def normal(message):
    # onnx.parser states empty names and domains, which says the same as leaving them out.
    for field in ('name', 'domain'):
        if getattr(message, field, None) == '': message.ClearField(field)
    if isinstance(message, onnx.TensorProto):
        raw = onnx.numpy_helper.to_array(message).tobytes()
        message.ClearField('float_data')
        message.raw_data = raw
        return
    for field, value in message.ListFields():
        if field.message_type is None: continue
        for each in (value if field.label == field.LABEL_REPEATED else [value]): normal(each)
normal(theirs); normal(ours)
print('same' if str(theirs) == str(ours) else str(theirs) + '\\n---\\n' + str(ours))`
    expect(python(script, JSON.stringify([COMMON, path])).trim()).toBe('same')
  })

  test.skipIf(withoutPython)('passes the checker', async () => {
    const path = join(folder, 'checked.onnx')
    const model = parseText(
      `m (float[N, 4] x) => (float[N, 2] y)
       <float[4, 2] w, float[2] b = {0.5, -1}, int64[2] shape = {-1, 2}>
       { h = MatMul(x, w)
         r = Reshape(h, shape)
         y = Add(r, b) }`,
      { w: [1, 2, 3, 4, 5, 6, 7, 8] },
    )
    writeFileSync(path, await modelBytes(model))
    expect(python("onnx.checker.check_model(onnx.load(sys.stdin.read()), full_check=True); print('fine')", path).trim()).toBe(
      'fine',
    )
  })

  test('without a header is IR version 8, opset 17', () => {
    const model = parseText('m (float x) => (float y) { y = Neg(x) }')
    expect(model.irVersion).toBe(8)
    expect([...model.opsets]).toEqual([['', 17]])
    expect(model.graph.inputs[0]!.shape).toEqual([])
  })

  test('values with elements are initializers, the others state types', async () => {
    const { graph } = parseText(
      `m (float[2] x) => (float[2] y) <float[2] w, float16[1] half = {1.5}, float[2] h, int4[3] nibbles = {-1, 2, 3}, string[1] s = {"hi"}>
       { h = Mul(x, w)
         y = Neg(h) }`,
      { w: new Float32Array([3, 4]) },
    )
    expect(graph.initializers.map(({ name, type }) => [name, type])).toEqual([
      ['w', 'float32'],
      ['half', 'float16'],
      ['nibbles', 'int4'],
      ['s', 'string'],
    ])
    expect(graph.values.map(({ name }) => name)).toEqual(['h'])
    const [w, half, nibbles, s] = graph.initializers
    expect([...valuesOf('float32', await readAll(w!.data))]).toEqual([3, 4])
    expect([...valuesOf('float16', await readAll(half!.data))]).toEqual([1.5])
    // -1 is 15: 0x2f, then 0x03.
    expect([...(await readAll(nibbles!.data))]).toEqual([0x2f, 0x03])
    expect(Buffer.from(s!.strings![0]!).toString()).toBe('hi')
  })

  test('names may stand in double quotes', () => {
    const { graph } = parseText('m (float x) => (float y) { ["/layer/0"] y = Add(x, "onnx::MatMul_1") }')
    expect(graph.nodes[0]).toMatchObject({ name: '/layer/0', inputs: ['x', 'onnx::MatMul_1'] })
  })

  test.each([
    ['m (float x) => (float y) {\n  y = Neg x\n}', "line 2, column 11: expected '(', found 'x'"],
    ['m (float x) (float y)', "line 1, column 13: expected '=>'"],
    ['<ir_versio: 8> m () => () {}', "'ir_versio' is not a field of the model"],
    ['m () => () <float[3] w = {1, 2}> {}', "'w' of shape [3] takes 3 elements, given 2"],
    ['m () => () <int64[1] w = {1.5}> {}', "a whole number, found '1.5'"],
    ['m () => () { y = F<a = [1, "b"]>() }', 'different kinds'],
    ['m () => () {', "expected '=', found the end"],
  ])('%s is refused with line and column', (text, message) => {
    expect(() => parseText(text)).toThrow(PareError)
    expect(() => parseText(text)).toThrow(message)
  })

  test('values for a name that is not declared are refused', () => {
    expect(() => parseText('m () => () {}', { w: [1] })).toThrow("values are given for 'w'")
  })
})
