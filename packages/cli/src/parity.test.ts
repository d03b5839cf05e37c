import { spawnSync } from 'node:child_process'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TEST_MODELS } from './testing/folder.js'
import { pare } from './testing/terminal.js'

// The same masks by numpy's stable sort, on tensors read by Python's onnx package: none of our code on that side.
const ORACLE = `
import sys, json, numpy as np, onnx
from onnx import numpy_helper
before, after, scope, sparsity, names = onnx.load(sys.argv[1]), onnx.load(sys.argv[2]), sys.argv[3], float(sys.argv[4]), json.loads(sys.argv[5])
onnx.checker.check_model(after)
a = {t.name: numpy_helper.to_array(t) for t in before.graph.initializer}
b = {t.name: numpy_helper.to_array(t) for t in after.graph.initializer}
assert list(a) == list(b), 'tensors differ'
for name in a:
    if name not in names: assert a[name].tobytes() == b[name].tobytes(), name + ' was touched'
def masked(weights, count):
    flat = np.concatenate([w.ravel() for w in weights])
    order = np.argsort(np.where(flat == 0, -1, np.abs(flat)), kind='stable')
    flat[order[:count]] = 0
    return flat
half_up = lambda x: int(np.floor(x + 0.5))
if scope == 'global':
    expected = masked([a[n] for n in names], half_up(sparsity * sum(a[n].size for n in names)))
else:
    parts, elements, given = [], 0, 0
    for n in names:
        elements += a[n].size
        share = half_up(sparsity * elements) - given
        given += share
        parts.append(masked([a[n]], share))
    expected = np.concatenate(parts)
found = np.concatenate([b[n].ravel() for n in names])
assert np.array_equal(found, expected), f'{int((found != expected).sum())} elements differ'
print(int((found == 0).sum()), found.size)
`

const python = '/usr/bin/python3'
const available = spawnSync(python, ['-c', 'import onnx, numpy']).status === 0
if (!available && process.env.CI && process.platform === 'linux')
  throw new Error("install Debian's python3-onnx and python3-numpy")

describe.skipIf(!available)('magnitude, against numpy', () => {
  let out = ''
  beforeAll(async () => {
    out = await realpath(await mkdtemp(join(tmpdir(), 'pare-parity-')))
  })
  afterAll(() => rm(out, { recursive: true }))

  it.each([
    ['mnist-resnet20-bn', 'global', 0.5],
    ['mnist-resnet20-bn', 'tensor', 0.95],
    ['mnist-mobilenet-folded', 'global', 0.9],
    ['kjv-bert', 'tensor', 0.3],
    ['lm-llama', 'global', 0.7],
  ] as const)('%s, %s, %s: the same elements, every other tensor untouched', async (name, scope, sparsity) => {
    const model = join(TEST_MODELS, `${name}.onnx`)
    const argv = ['prune', model, '--scope', scope, '--sparsity', String(sparsity), '--out', out, '--json']
    const session = await pare(argv, { cwd: out })
    const { layers, sparsity: reached } = session.json() as unknown as { layers: { name: string }[]; sparsity: { after: number } }
    const names = JSON.stringify(layers.map((layer) => layer.name))
    const { status, stdout, stderr } = spawnSync(
      python,
      ['-c', ORACLE, model, join(out, `${name}.onnx`), scope, String(sparsity), names],
      {
        encoding: 'utf8',
      },
    )
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const [zeros = 0, elements = 0] = stdout.split(' ').map(Number)
    expect(zeros).toBe(Math.round(sparsity * elements))
    expect(reached.after).toBe(zeros / elements)
  })
})
