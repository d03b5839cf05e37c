import { expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'

const RUN = ['run', 'model.onnx', '--data', 'val.npz', '--metric', 'accuracy', '--max-drop', '0.9', '--out', 'out']

it('without a terminal what is printed has no colours, no bars, and is the same every time', async () => {
  await using folder = await fixture()
  for (const argv of [RUN, ['inspect', 'model.onnx'], ['explain'], ['recipe']]) {
    const first = await pare(argv, { cwd: folder.path, env: { TERM: 'xterm-256color' } })
    expect(first.exitCode).toBe(0)
    for (const text of [first.stdout, first.stderr]) {
      // Neither an order to a terminal nor a line that is written over, nor a bar.
      for (const mark of ['\u001b', '\r', '█', '░']) expect(text).not.toContain(mark)
      expect(text === '' || text.endsWith('\n')).toBe(true)
    }
    const again = await pare(argv, { cwd: folder.path, env: { TERM: 'xterm-256color' } })
    expect(again.stdout).toBe(first.stdout)
  }
})
