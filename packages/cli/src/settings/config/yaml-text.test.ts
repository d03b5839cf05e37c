import { parseYaml } from '@pare/evaluate/yaml'
import { describe, expect, it, vi } from 'vitest'
import { fixture } from '../../testing/folder.js'
import { pare } from '../../testing/terminal.js'

describe('a config in YAML', () => {
  it('is read, with anchors and the keys that they merge', async () => {
    const text = 'base: &base { seed: 1 }\nmodels:\n  - &m !!str m.onnx\n  - *m\nmore: { <<: *base }\n'
    expect(await parseYaml(text)).toMatchObject({ base: { seed: 1 }, models: ['m.onnx', 'm.onnx'] })
  })

  it.each([
    ['brackets', '['.repeat(5_000), 'nested more than 64 deep'],
    ['braces', '{a: '.repeat(5_000), 'nested more than 64 deep'],
    ['dashes', '- '.repeat(5_000), 'nested more than 64 deep'],
    ['questions', '? '.repeat(5_000), 'nested more than 64 deep'],
    ['steps', Array.from({ length: 500 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'nested more than 64 deep'],
    [
      'aliases of aliases',
      `a: &a [1]\n${Array.from({ length: 100 }, (_, i) => `b${i}: &b${i} [${i === 0 ? '*a' : `*b${i - 1}`}]`).join('\n')}`,
      'Excessive alias count',
    ],
    ['keys', Array.from({ length: 5_000 }, (_, i) => `k${i}: 1`).join('\n'), 'a map of more than 2000 keys'],
    ['keys in braces', `{${Array.from({ length: 5_000 }, (_, i) => `k${i}: 1`).join(',')}}`, 'a map of more than 2000 keys'],
    ['anchors', `a: ${'&a '.repeat(5_000)}1`, 'more than 100 anchors and tags'],
    ['tags', `${'!!x '.repeat(5_000)}1`, 'more than 100 anchors and tags'],
  ])('of many %s is refused, and does not end the process', async (_, text, message) => {
    await expect(parseYaml(text)).rejects.toThrow(message)
  })

  it('has no warnings that go past the output', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    await using folder = await fixture(undefined, { 'pare.config.yaml': 'a: !!binary { b:\n\n::add-mask::x\n : 1 }\n' })
    const { exitCode, stderr } = await pare(['run', '--config', 'pare.config.yaml'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).not.toMatch(/^::/m)
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
  })
})
