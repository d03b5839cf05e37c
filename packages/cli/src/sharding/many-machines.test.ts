import { execFileSync } from 'node:child_process'
import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type Folder, fixture } from '../testing/folder.js'

const DOC = await readFile(new URL('../../../../docs/many-machines.md', import.meta.url), 'utf8')
const BIN = fileURLToPath(new URL('../../bin/pare.js', import.meta.url))

/** The block of a document behind some words. */
function blockBehind(words: string, language: string): string {
  const block = DOC.split(words)[1]?.split(`\`\`\`${language}\n`)[1]?.split('```')[0]
  if (block === undefined) throw new Error(`docs/many-machines.md has no block of ${language} behind '${words}'`)
  return block
}

async function prepared(): Promise<Folder & { readonly env: Record<string, string> }> {
  const models = ['a.onnx', 'b.onnx']
  const config = {
    ...{ evaluate: { data: 'val.npz', metric: 'accuracy' }, gate: { maxDrop: 0.05 }, baselines: false },
    models: models.map((path) => ({ path, prune: [{ target: { sparsity: 0.3 } }] })),
  }
  const folder = await fixture(undefined, { 'pare.config.json': JSON.stringify(config) })
  for (const model of models) await cp(join(folder.path, 'model.onnx'), join(folder.path, model))
  // What npx finds in a project that has pare.
  const bin = join(folder.path, 'bin')
  await mkdir(bin)
  await writeFile(join(bin, 'npx'), `#!/bin/sh\nshift\nexec '${process.execPath}' '${BIN}' "$@"\n`)
  await chmod(join(bin, 'npx'), 0o755)
  return { ...folder, env: { PATH: `${bin}${delimiter}${process.env.PATH}` } }
}

// Shells of Unix run these scripts; what they stand for is tested everywhere.
describe.skipIf(process.platform === 'win32')('docs/many-machines.md', () => {
  const verdict = async ({ path }: Folder) => JSON.parse(await readFile(join(path, 'pare-out/results.json'), 'utf8')).verdict

  it('its Slurm array does all shards, and its merge passes', async () => {
    await using folder = await prepared()
    const shards = blockBehind('`shards.sh`:', 'sh')
    const [, from, to] = /--array=(\d+)-(\d+)/.exec(shards)!.map(Number)
    const options = { cwd: folder.path, encoding: 'utf8' as const, stdio: 'pipe' as const }
    // As Slurm starts each element of an array.
    for (let id = from!; id <= to!; id++)
      execFileSync('bash', ['-c', shards], { ...options, env: { ...folder.env, SLURM_ARRAY_TASK_ID: `${id}` } })
    execFileSync('bash', ['-c', blockBehind('`merge.sh`:', 'sh')], { ...options, env: folder.env })
    expect(await verdict(folder)).toBe('pass')
  }, 300_000)

  it('its Kubernetes Job does all shards', async () => {
    await using folder = await prepared()
    const { spec } = parse(blockBehind('## Kubernetes', 'yaml'))
    expect(spec).toMatchObject({ completionMode: 'Indexed', parallelism: spec.completions })
    const [container] = spec.template.spec.containers
    const env = Object.fromEntries(container.env.map(({ name, value }: { name: string; value: string }) => [name, value]))
    const [command, ...argv] = container.command
    const options = { cwd: folder.path, stdio: 'pipe' as const }
    // As Kubernetes starts each pod of an Indexed Job.
    for (let index = 0; index < spec.completions; index++)
      execFileSync(command, argv, { ...options, env: { ...folder.env, ...env, JOB_COMPLETION_INDEX: `${index}` } })
    execFileSync('npx', ['pare', 'merge', 'pare-out/shards'], { ...options, env: folder.env })
    expect(await verdict(folder)).toBe('pass')
  }, 300_000)

  it('names every variable that is known', async () => {
    const { SHARD_ENGINES } = await import('@pare/shards')
    for (const { index, count, first } of SHARD_ENGINES) {
      const row = DOC.split('\n').find((line) => line.startsWith(`| \`${index}\``))
      expect(row, index).toContain(`| ${first} |`)
      if (count !== undefined) expect(row).toContain(count)
    }
  })
})
