import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Code, define, either, f32, f32x4, f64x2, i32, loopWhile, moduleOf, v128, when } from './index.js'

/** What the function leaves in the first bytes of memory, where `floats` stood before. */
function run(body: Code, { floats = [], kind = 'plain' }: { floats?: readonly number[]; kind?: 'plain' | 'shared' } = {}) {
  const memory = new WebAssembly.Memory({ initial: 1, ...(kind === 'shared' && { maximum: 65536, shared: true }) })
  new Float32Array(memory.buffer).set(floats)
  const module = new WebAssembly.Module(moduleOf([define('main', [], () => body)], kind))
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  ;(exports.main as () => void)()
  return memory.buffer
}

test('integers and floats are written as they are', () => {
  fc.assert(
    fc.property(fc.integer(), (value) => {
      expect(new Int32Array(run(i32.store(i32.const(0), i32.const(value))))[0]).toBe(value)
    }),
  )
  fc.assert(
    fc.property(fc.float(), (value) => {
      expect(new Float32Array(run(f32.store(i32.const(8), f32.const(value))))[2]).toBe(value)
      const four = run(v128.store(i32.const(0), f32x4.const(value)))
      expect([...new Float32Array(four, 0, 4)]).toEqual([value, value, value, value])
    }),
  )
})

test('addresses have offsets of any size', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 16_383 }), (place) => {
      expect(new Int32Array(run(i32.store(i32.const(0), i32.const(7), 4 * place)))[place]).toBe(7)
    }),
  )
})

test('a shared memory has a module of its own', () => {
  const buffer = run(i32.store(i32.const(0), i32.const(1)), { kind: 'shared' })
  expect(buffer).toBeInstanceOf(SharedArrayBuffer)
  expect(new Int32Array(buffer)[0]).toBe(1)
})

test('conditions and loops', () => {
  const set = (value: number) => i32.store(i32.const(0), i32.const(value))
  const first = (body: Code) => new Int32Array(run(body))[0]
  expect(first(when(i32.const(1), set(5)))).toBe(5)
  expect(first(when(i32.const(0), set(5)))).toBe(0)
  expect(first(either(i32.const(0), set(5), set(6)))).toBe(6)
  const at = i32.load(i32.const(0))
  expect(first(loopWhile(i32.lt(at, i32.const(10)), i32.store(i32.const(0), i32.add(at, i32.const(3)))))).toBe(12)
})

test('the upper and the lower half of four floats as f64', () => {
  const four = v128.load(i32.const(0))
  const buffer = run([v128.store(i32.const(16), f64x2.promoteLow(four)), v128.store(i32.const(32), f64x2.promoteHigh(four))], {
    floats: [1, 2, 3, 4],
  })
  expect([...new Float64Array(buffer, 16, 4)]).toEqual([1, 2, 3, 4])
})

test('the first example runs and prints what it says', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const [, code, output] = /```js\n(.*?)```\s*(.*?)\n/s.exec(readme)!
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', code!], { cwd: root, encoding: 'utf8' })
  expect(out.trim()).toBe(output)
})
