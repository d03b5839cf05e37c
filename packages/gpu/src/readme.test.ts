import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { DEVICE_OPERATORS } from './session/operators/operators.js'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

test('names each operator that has a kernel', () => {
  const [, onnx = '', microsoft = ''] = /^Operators with kernels: (.*); of com\.microsoft (.*?)\. /m.exec(readme)!
  const named = [...onnx.split(', '), ...microsoft.split(', ').map((name) => `com.microsoft.${name}`)]
  expect(named.sort()).toEqual([...DEVICE_OPERATORS].sort())
})
