import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { readTasks } from './settings/tasks.js'
import { fixture } from './testing/folder.js'
import { pare } from './testing/terminal.js'

const README = await readFile(new URL('../README.md', import.meta.url), 'utf8')
const blockOf = (language: string) => README.split(`\`\`\`${language}\n`)[1]?.split('```')[0] ?? ''

describe('the README', () => {
  const commands = blockOf('sh').trim().split('\n')

  it('has commands', () => expect(commands).toHaveLength(4))

  it.each(commands)('%s does what it says', async (command) => {
    await using folder = await fixture()
    const [npx, name, ...argv] = command.split(' ')
    expect([npx, name]).toEqual(['npx', 'pare'])
    expect(await pare(argv, { cwd: folder.path })).toMatchObject({ exitCode: 0 })
  })

  it('has a config that holds', async () => {
    await using folder = await fixture(undefined, { 'pare.config.ts': blockOf('ts') })
    const { tasks } = await readTasks({ cwd: folder.path, overrides: {}, trusted: true })
    expect(tasks).toMatchObject([{ demands: [{ maxDrop: 0.05 }], steps: [{ target: { sparsity: 0.3 }, exclude: ['4.weight'] }] }])
  })

  it('shows the problems of a config as they are told', async () => {
    const config = { sede: 1, models: [{ path: 'model.onnx', gate: { maxDrop: '1%' } }] }
    await using folder = await fixture(undefined, { 'pare.config.json': JSON.stringify(config) })
    const { stderr } = await pare(['run'], { cwd: folder.path })
    expect(README.replaceAll(/^ {4}/gm, '')).toContain(stderr.trimEnd())
  })
})
