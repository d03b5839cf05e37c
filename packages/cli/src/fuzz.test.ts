import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const SCRIPT = fileURLToPath(new URL('../../../scripts/fuzz.mjs', import.meta.url))

/** All but arrow, whose library goes through lists as long as a file says they are: a short run may meet one. */
const TARGETS = [
  'onnx',
  'plan',
  'npy',
  'npz',
  'csv',
  'jsonl',
  'json',
  'packed',
  'mask',
  'labels',
  'annotation',
  'outlines',
  'tiff',
  'bmp',
  'gif',
  'parquet',
  'safetensors',
  'checkpoint',
  'checkpoint-index',
  'image',
  'wav',
  'replay',
  'statistics',
  'config',
  'glob',
]

it('no parser fails otherwise than by refusing, on its corpus and some hundred changes to it', async () => {
  const argv = [SCRIPT, ...TARGETS, '--runs', '200', '--seconds', '5', '--seed', '29', '--one-thread']
  const { stdout } = await promisify(execFile)(process.execPath, argv).catch((error: { stdout: string; stderr: string }) => {
    throw new Error(`${error.stdout}\n${error.stderr}`)
  })
  for (const target of TARGETS) expect(stdout).toMatch(new RegExp(`^${target} +\\d+ inputs.* 0 findings$`, 'm'))
}, 300_000)
