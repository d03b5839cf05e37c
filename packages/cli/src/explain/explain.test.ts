import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../options/commands.js'
import { EXIT, EXIT_CODES } from '../terminal/exit.js'
import { pareInProcess as pare } from '../testing/terminal.js'
import { GLOSSARY } from './glossary.js'
import { TOPIC_NAMES, topicsOf } from './topics.js'

describe('pare explain', () => {
  it('lists what can be asked for, in 80 columns', async () => {
    const { exitCode, stdout } = await pare(['explain'], { cwd: '/' })
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^ {4}3 {2}incomplete: /m)
    expect(stdout).toContain('sparsity')
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('says of each exit code what it means and what to do', async () => {
    expect(EXIT_CODES.map(({ code }) => code)).toEqual(Object.values(EXIT))
    for (const { code, meaning, advice } of EXIT_CODES) {
      const { exitCode, stdout } = await pare(['explain', String(code)], { cwd: '/' })
      expect(exitCode).toBe(0)
      expect(stdout.replace(/\s+/g, ' ')).toContain(`exit code ${code} ${meaning} ${advice}`)
    }
    expect(await topicsOf('incomplete')).toEqual(await topicsOf('3'))
  })

  it.each([
    [['training', 'data'], 'word'],
    [['score'], 'word'],
    [['gate'], 'word'],
    [['N:M'], 'word'],
    [['--max-drop'], 'option'],
    [['no-prove'], 'option'],
    [['plan-run'], 'command'],
    [['alps'], 'criterion'],
    [['nm'], 'structure'],
    [['cnn'], 'preset'],
    [['f1'], 'metric'],
  ])('knows %j', async (words, kind) => {
    const { exitCode, json } = await pare(['explain', ...words, '--json'], { cwd: '/' })
    expect(exitCode).toBe(0)
    expect(json()).toMatchObject({
      schemaVersion: 1,
      command: 'explain',
      topics: expect.arrayContaining([expect.objectContaining({ kind })]),
    })
  })

  it('knows everything that it lists', async () => {
    for (const name of TOPIC_NAMES) expect({ name, topics: (await topicsOf(name)).length > 0 }).toEqual({ name, topics: true })
    for (const command of Object.keys(COMMANDS)) expect(TOPIC_NAMES).toContain(command)
  })

  it('shows the options of a plugin, with what is expected and the default', async () => {
    const { stdout } = await pare(['explain', 'sparsegpt'], { cwd: '/' })
    const text = stdout.replace(/\s+/g, ' ')
    expect(text).toContain('criterion sparsegpt Column by column,')
    expect(text).toContain('block: a multiple of 4 (default 16). Columns whose mask is chosen at a time')
    expect(text).toContain('threads: a whole number from 1 on. How many threads;')
    expect(text).toContain('For example: --criterion sparsegpt:damping=0.1')
  })

  it('of what it does not know names what is near', async () => {
    const misspelt = await pare(['explain', 'sparsty'], { cwd: '/' })
    expect(misspelt).toMatchObject({ exitCode: 2, stdout: '' })
    expect(misspelt.stderr).toContain("pare explain: 'sparsty' is not known.\n  hint: did you mean 'sparsity'?")
    expect((await pare(['explain', 'worthless'], { cwd: '/' })).stderr).toContain("'worthless reference'")
    expect((await pare(['explain', '137'], { cwd: '/' })).stderr).toContain('pare explain lists what can be asked for')
  })

  it('has the words of the glossary, as the build read them', async () => {
    const module = (await import(new URL('../../generate/glossary-table.mjs', import.meta.url).href)) as {
      glossaryOf: (markdown: string) => unknown
    }
    const glossary = await readFile(new URL('../../../../docs/glossary.md', import.meta.url), 'utf8')
    expect(GLOSSARY).toEqual(module.glossaryOf(glossary))
    expect(GLOSSARY.length).toBeGreaterThan(50)
  })
})
