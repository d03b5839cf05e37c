// node bench/gpu.mjs [--size 4096] [--weights 110e6] [--repeats 5] [--skip onnxruntime]: prints one JSON document, within some minutes.
//
// What it reads, for a machine that has neither the repository nor a network (x86-64 Linux): this file and bench/gpu; packages/gpu/dist, packages/core/dist,
// packages/onnx/dist and packages/wasm/dist with their package.json, as node_modules/@pare/{gpu,core,onnx,wasm}; node_modules/webgpu (index.js, package.json, dist/linux-x64);
// node_modules/onnxruntime-node (package.json, dist, bin/napi-v6/linux/x64) and onnxruntime-common; a node binary from 20.19 on. The driver of the GPU
// must bring Vulkan. Where libvulkan.so.1 is missing, put one beside and name its folder in LD_LIBRARY_PATH; where only the driver's manifest is missing,
// one is written to a temporary folder.
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { factsOf, openEntry, openGpu } from '@pare/gpu'
import { halvesOf, packGroups, packRows, packTiles, randomMatrix } from './gpu/matrices.mjs'
import { onnxruntime } from './gpu/onnxruntime.mjs'
import { products } from './gpu/products.mjs'
import { resident, selection } from './gpu/selection.mjs'
import { ROWS, round, SIZE, SKIP } from './gpu/settings.mjs'

const result = { node: process.version, parts: {} }
await part('environment', environment)
const gpu = await part('open', async () => {
  const opened = await openGpu()
  result.adapter = opened.adapter
  result.subgroup = opened.subgroup
  return opened
})
if (gpu) {
  const weight = randomMatrix()
  await part('dense', () => products(gpu, { kind: 'dense', out: SIZE, in: SIZE, values: weight }))
  await part('dense, halves', () => products(gpu, { kind: 'dense', out: SIZE, in: SIZE, values: halvesOf(weight) }))
  for (const zeros of [0.9, 0.95]) {
    await part(`rows, ${zeros}`, () => products(gpu, packRows(weight, zeros)))
    await part(`tiles of 1 × 4, ${zeros}`, () => products(gpu, packTiles(weight, zeros)))
  }
  await part('2:4', () => products(gpu, packGroups(weight)))
  await part('saliency and selection', () => selection(gpu))
  await part('saliency and selection, weights there', () => resident(gpu))
  await gpu[Symbol.asyncDispose]()
}
if (!SKIP.includes('onnxruntime')) {
  for (const provider of ['webgpu', 'cuda', 'cpu']) await part(`onnxruntime ${provider}`, () => onnxruntime(provider))
}
compare()
for (const entry of Object.values(result.parts)) if (entry.result === undefined) delete entry.result
console.log(JSON.stringify(result, null, 2))
process.exit(0)

/** Runs a part and notes what it gave, how long it took, or why it failed. */
async function part(name, work) {
  const start = performance.now()
  const entry = {}
  result.parts[name] = entry
  try {
    const given = await work()
    if (name !== 'open') entry.result = given
    return given
  } catch (error) {
    entry.error = String(error?.message ?? error).slice(0, 1000)
    if (error?.hint) entry.hint = error.hint
  } finally {
    entry.seconds = round((performance.now() - start) / 1000)
    process.stderr.write(`${name}: ${entry.error ?? `${entry.seconds} s`}\n`)
  }
}

/** What Vulkan may find here. Writes a manifest of NVIDIA's driver where its library is there and no manifest is. */
async function environment() {
  const folders = [
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib64',
    '/usr/local/nvidia/lib64',
    '/usr/local/cuda/lib64',
    '/usr/lib/wsl/lib',
  ]
  const libraries = folders.filter(existsSync).flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /^lib(vulkan|GLX_nvidia|EGL_nvidia|nvidia-glvkspirv|nvidia-gpucomp)\.so/.test(name))
      .map((name) => join(folder, name)),
  )
  const manifests = ['/etc/vulkan/icd.d', '/usr/share/vulkan/icd.d']
    .filter(existsSync)
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  const set = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES
  const driver =
    libraries.find((path) => path.endsWith('libGLX_nvidia.so.0')) ?? libraries.find((path) => path.endsWith('libEGL_nvidia.so.0'))
  let written
  if (set === undefined && driver !== undefined && !manifests.some((path) => path.includes('nvidia'))) {
    written = join(mkdtempSync(join(tmpdir(), 'pare-gpu-')), 'nvidia_icd.json')
    writeFileSync(written, JSON.stringify({ file_format_version: '1.0.0', ICD: { library_path: driver, api_version: '1.3.0' } }))
    process.env.VK_ICD_FILENAMES = written
  }
  const entry = await openEntry()
  const adapter = await entry.requestAdapter()
  return { libraries, manifests, set, written, adapter: adapter && factsOf(adapter).name }
}

/** How many times as fast the sparse products are as dense ones on this device. */
function compare() {
  const ms = (name, m) => result.parts[name]?.result?.rows?.[m]?.ms
  const names = Object.keys(result.parts).filter((name) => /^(rows|tiles|2:4)/.test(name))
  const against = ['dense', 'onnxruntime webgpu', 'onnxruntime cuda'].filter((name) => result.parts[name]?.result)
  result.timesAsFast = Object.fromEntries(
    names.map((name) => [
      name,
      Object.fromEntries(
        against.map((other) => [other, Object.fromEntries(ROWS.map((m) => [m, round(ms(other, m) / ms(name, m))]))]),
      ),
    ]),
  )
}
