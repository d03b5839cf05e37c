import { expect, test } from 'vitest'
import { scrubEnvironment } from './environment.js'

test('what a program needs stays, whatever its case; tokens go', () => {
  const scrubbed = scrubEnvironment({
    PATH: '/bin',
    Path: 'C:\\Windows',
    SystemRoot: 'C:\\Windows',
    HOME: '/home/me',
    GITHUB_TOKEN: 'secret',
    ACTIONS_RUNTIME_TOKEN: 'secret',
    NPM_TOKEN: 'secret',
    NODE_OPTIONS: '--require=evil',
    INPUT_TOKEN: 'secret',
  })
  expect(scrubbed).toEqual({ PATH: '/bin', Path: 'C:\\Windows', SystemRoot: 'C:\\Windows', HOME: '/home/me' })
})
