import fc from 'fast-check'
import stringWidth from 'string-width'
import { expect, it } from 'vitest'
import { columnsOf, renderTable } from './table.js'
import { wrapped } from './wrap.js'

const lines = (text: string) => text.split('\n')

it('columns stand under each other, numbers flush right', () => {
  const rows = [
    ['a.onnx', '9'],
    ['longer.onnx', '1,234'],
  ]
  expect(lines(renderTable(['model', 'units'], rows, { right: ['units'] }))).toEqual([
    'model        units',
    'a.onnx           9',
    'longer.onnx  1,234',
  ])
})

it('what has no room is broken, at blanks first', () => {
  const rows = [['models/a-name-of-some-length.onnx', '1.9 MB → 500 kB zipped', 'incomplete']]
  expect(lines(renderTable(['model', 'size', 'verdict'], rows, { columns: 48 }))).toEqual([
    'model              size          verdict',
    'models/a-name-of-  1.9 MB → 500  incomplete',
    'some-length.onnx   kB zipped',
  ])
})

it('a name that is shortened keeps both ends, and gives way before anything is broken', () => {
  const rows = [['encoder.layers.0.attention.self.query.weight', '1.9 MB → 500 kB']]
  expect(lines(renderTable(['weight', 'size'], rows, { columns: 44, shorten: ['weight'] }))).toEqual([
    'weight                       size',
    'encoder.….self.query.weight  1.9 MB → 500 kB',
  ])
})

it('a path is broken behind its folders and the parts of its name', () => {
  expect(wrapped('test-models/mnist-resnet20-bn.onnx', 16, { whole: false })).toEqual([
    'test-models/',
    'mnist-resnet20-',
    'bn.onnx',
  ])
  expect(wrapped('abcdefgh', 3, { whole: false })).toEqual(['abc', 'def', 'gh'])
})

it('colours take no room', () => {
  const row = ['a.onnx', '\u001b[31mfail\u001b[39m', 'end']
  expect(renderTable(['model', 'verdict', ''], [row])).toContain('a.onnx  \u001b[31mfail\u001b[39m     end')
})

it('no line is longer than its columns, and no word is lost', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', 'é', '界', ' ', '/', '.', '→', '0'), maxLength: 60 })
  const table = fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 60, max: 120 })).chain(([width, columns]) => {
    const row = fc.array(cell, { minLength: width, maxLength: width })
    return fc.record({ head: row, rows: fc.array(row, { minLength: 1, maxLength: 5 }), columns: fc.constant(columns) })
  })
  fc.assert(
    fc.property(table, ({ head, rows, columns }) => {
      const text = renderTable(head, rows, { columns })
      expect(Math.max(...lines(text).map((line) => stringWidth(line)))).toBeLessThanOrEqual(columns)
      const letters = (source: string) => [...source.replace(/\s/g, '')].sort().join('')
      expect(letters(text)).toBe(letters([head, ...rows].flat().join('')))
    }),
  )
})

it('names that would look the same once they are cut short are broken instead', () => {
  const rows = ['whisper-tiny/encoder_model.onnx', 'whisper-tiny/decoder_model.onnx'].map((name) => [name, '12 kB'])
  const text = renderTable(['model', 'size'], rows, { columns: 20, shorten: ['model'] })
  expect(text).not.toContain('…')
  expect(text.replace(/\s/g, '')).toContain('whisper-tiny/encoder_model.onnx'.slice(13))
})

it('lines are as wide as the terminal, and 80 characters where there is none', () => {
  const write = () => true
  expect(columnsOf({ write, isTTY: true, columns: 132 })).toBe(132)
  expect(columnsOf({ write, isTTY: true, columns: 12 })).toBe(40)
  expect(columnsOf({ write, isTTY: true, columns: 0 })).toBe(80)
  expect(columnsOf({ write, columns: 132 })).toBe(80)
})
