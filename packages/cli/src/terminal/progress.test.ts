import { describe, expect, it } from 'vitest'
import { makeProgress } from './progress.js'

function watch(isTTY: boolean, env: Readonly<Record<string, string>> = {}) {
  const texts: string[] = []
  const clock = { time: 0 }
  const output = { isTTY, columns: 80, write: (text: string) => texts.push(text) }
  const io = { stdout: output, stderr: output, env, cwd: '/', signal: new AbortController().signal, now: () => clock.time }
  return { io, texts, clock }
}

describe('progress', () => {
  it('in a pipe is a line where work begins, and one every ten seconds', async () => {
    const { io, texts, clock } = watch(false)
    const activity = (await makeProgress(io, false)).begin('model.onnx: writing')
    activity.update(1, 10)
    clock.time = 10_000
    activity.update(4, 10)
    activity.update(5, 10)
    clock.time = 20_000
    activity.update(9, 0)
    activity.update(9, 10)
    activity.end()
    expect(texts).toEqual(['model.onnx: writing\n', 'model.onnx: writing: 40 %\n', 'model.onnx: writing: 90 %\n'])
  })

  it('in CI is plain lines even on a terminal', async () => {
    const { io, texts } = watch(true, { CI: 'true' })
    const progress = await makeProgress(io, false)
    progress.begin('writing').end()
    progress.note('a note')
    expect(texts).toEqual(['writing\n', 'a note\n'])
  })

  it('is silent when quiet', async () => {
    const { io, texts } = watch(false)
    const progress = await makeProgress(io, true)
    progress.begin('writing').update(1, 2)
    progress.note('a note')
    expect(texts).toEqual([])
  })
})
