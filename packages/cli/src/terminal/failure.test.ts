import { PareError } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { Failure, isAbort, reportOf, stackOf, untrusted, usage } from './failure.js'

describe('what is thrown', () => {
  it('keeps its kind and hint', () => {
    expect(reportOf(usage('wrong', 'cure'))).toEqual({ kind: 'usage', message: 'wrong', hint: 'cure' })
    expect(reportOf(untrusted('no', 'cure'))).toMatchObject({ kind: 'untrusted' })
    expect(reportOf(new Failure('infrastructure', 'broken'))).toEqual({ kind: 'infrastructure', message: 'broken' })
  })

  it('of another package is the user’s to cure, unless it says otherwise', () => {
    expect(reportOf(new PareError('wrong', { hint: 'cure' }))).toEqual({ kind: 'usage', message: 'wrong', hint: 'cure' })
    expect(reportOf(Object.assign(new PareError('killed'), { kind: 'infrastructure' }))).toMatchObject({ kind: 'infrastructure' })
    expect(reportOf(Object.assign(new PareError('no'), { kind: 'untrusted' }))).toMatchObject({ kind: 'untrusted' })
  })

  it('is known as a PareError from another copy of the package too', () => {
    const foreign = Object.assign(new Error('wrong'), { name: 'PareError', hint: 'cure' })
    expect(reportOf(foreign)).toEqual({ kind: 'usage', message: 'wrong', hint: 'cure' })
  })

  it.each([
    ['ENOSPC', 'free some disk space'],
    ['EACCES', 'choose a folder you may write to'],
    ['EMFILE', 'close other programs'],
    ['EIO', '--verbose'],
  ])('by the system (%s) has a cure', (code, hint) => {
    const error = Object.assign(new Error(`${code}: no`), { code, syscall: 'write' })
    expect(reportOf(error)).toMatchObject({
      kind: 'infrastructure',
      message: `pare: the system refused: ${code}: no`,
      hint: expect.stringContaining(hint),
    })
  })

  it('by nobody’s intent is a bug and says so', () => {
    expect(reportOf(new TypeError('x is undefined'))).toMatchObject({
      kind: 'infrastructure',
      message: 'pare: unexpected TypeError: x is undefined',
      hint: expect.stringContaining('--verbose'),
    })
    expect(reportOf('text')).toMatchObject({ message: 'pare: unexpected string: text' })
  })

  it('on an abort is recognised, also as a cause', () => {
    const { signal } = new AbortController()
    expect(isAbort(AbortSignal.abort().reason)).toBe(true)
    expect(isAbort(new Error('outer', { cause: AbortSignal.abort().reason }))).toBe(true)
    expect(isAbort(signal.reason)).toBe(false)
  })

  it('shows its causes in the stack', () => {
    expect(stackOf(new Error('outer', { cause: new Error('inner') }))).toMatch(/^Error: outer[\s\S]*^Caused by: Error: inner/m)
  })
})
