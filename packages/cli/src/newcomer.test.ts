import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { runResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { fixture } from './testing/folder.js'
import { pare } from './testing/terminal.js'

/** Two numbers that are told apart by their sum: as a framework for tables exports it, and as one with a single output. */
const TABLE = `<ir_version: 8, opset_import: ["" : 17]>
  table (float[N, 2] X) => (int64[N] output_label, float[N, 2] probabilities) <float[2, 2] w = {-4, 4, -4, 4}> {
    scores = MatMul(X, w)
    probabilities = Softmax(scores)
    output_label = ArgMax<axis: int = 1, keepdims: int = 0>(scores)
  }`
const YES_OR_NO = `<ir_version: 8, opset_import: ["" : 17]>
  yes (float[N, 2] X) => (float[N, 1] p) <float[2, 1] w = {4, 4}> {
    score = MatMul(X, w)
    p = Sigmoid(score)
  }`

const rows = Array.from({ length: 60 }, (_, i) => {
  const [age, income] = [Math.sin(3 * i), Math.cos(5 * i)]
  return { age, income, class: Number(age + income > 0) }
})
const csv = (label: string) =>
  [`age,income,${label}`, ...rows.map((row) => `${row.age.toFixed(4)},${row.income.toFixed(4)},${row.class}`)].join('\n')

async function folderWith(model: string) {
  const folder = await fixture(undefined, { 'class.csv': csv('class'), 'label.csv': csv('label') })
  await writeFile(join(folder.path, 'table.onnx'), await modelBytes(parseText(model)))
  return folder
}

describe('a model and data as they come', () => {
  it.each([
    [
      'labels under another name',
      TABLE,
      'class.csv',
      "the labels are in the column 'label': where they have another name, say --label NAME",
    ],
    [
      'classes instead of scores',
      TABLE,
      'class.csv --label class --metric cross-entropy',
      'these are classes already. Measure accuracy or f1, or name the output with the scores (--output probabilities)',
    ],
  ])('with %s are refused with the cure', async (_, model, data, cure) => {
    await using folder = await folderWith(model)
    const { exitCode, stderr } = await pare(['evaluate', 'table.onnx', '--data', ...data.split(' ')], { cwd: folder.path })
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(cure) })
  })

  it.each([
    ['the options that were named', TABLE, 'class.csv --label class --output probabilities --metric accuracy'],
    ['classes instead of scores', TABLE, 'class.csv --label class --metric accuracy'],
    ['one output for yes or no', YES_OR_NO, 'label.csv --metric accuracy'],
    ['the metric that was named', YES_OR_NO, 'label.csv --metric mse'],
  ])('are measured with %s, and run with them too', async (_, model, options) => {
    await using folder = await folderWith(model)
    const argv = ['table.onnx', '--data', ...options.split(' '), '--json']
    const { exitCode, json } = await pare(['evaluate', ...argv], { cwd: folder.path })
    expect([exitCode, json().warnings]).toEqual([0, undefined])
    const run = await pare(['run', ...argv, '--sparsity', '0'], { cwd: folder.path })
    expect([run.exitCode, runResults.parse(run.json()).models[0]?.verdict]).toEqual([0, 'pass'])
  })
})
