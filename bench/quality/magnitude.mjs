// node bench/quality/magnitude.mjs: perplexity of test-models/lm-llama.onnx pruned by magnitude, beside the same measured with PyTorch (1.13, L1, same tensors).
// The projections of the blocks are pruned, embedding and head are not; perplexity over all 739 windows of lm-evaluate.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const out = `${root}bench/out/quality`
const published = {
  global: { 0.5: 27.695, 0.6: 31.062, 0.7: 39.222, 0.8: 66.881 },
  tensor: { 0.5: 27.46, 0.6: 30.316, 0.7: 37.939, 0.8: 71.519 },
}

console.log(`not pruned         ${perplexity('test-models/lm-llama.onnx').toFixed(4)}   (25.6521)`)
for (const [scope, row] of Object.entries(published)) {
  for (const [sparsity, expected] of Object.entries(row)) {
    pare([
      'prune',
      'test-models/lm-llama.onnx',
      '--scope',
      scope,
      '--sparsity',
      sparsity,
      '--exclude',
      '/lm_head/*',
      '--out',
      out,
    ])
    const found = perplexity(`${out}/lm-llama.onnx`)
    console.log(
      `${scope.padEnd(6)} ${sparsity}         ${found.toFixed(3)}    (${expected}, ${(100 * (found / expected - 1)).toFixed(3)} %)`,
    )
  }
}
rmSync(out, { recursive: true })

function perplexity(model) {
  const data = 'test-models/data/lm-evaluate.npz'
  return pare(['evaluate', model, '--data', data, '--metric', 'perplexity']).metrics.perplexity
}

function pare(args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['packages/cli/bin/pare.js', ...args, '--json', '--quiet'], {
    cwd: root,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`pare ${args.join(' ')} ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}
