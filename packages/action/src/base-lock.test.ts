import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { baseLock } from './base-lock.js'
import type { Event } from './event.js'
import { startServices } from './testing/runner.js'

const EVENT: Event = { name: 'pull_request', code: 'repository', pullRequest: 7, base: { branch: 'main', sha: 'abc' } }

async function lockOf(files: Readonly<Record<string, string>>, event: Event = EVENT, token = 'token') {
  await using services = await startServices()
  for (const [path, content] of Object.entries(files)) services.api.contents.set(path, content)
  const env = { GITHUB_REPOSITORY: 'octo/models', GITHUB_API_URL: services.url }
  return await baseLock({ env, event, token: token || undefined, workspace: '/w', workingDirectory: '/w/models' })
}

it('is read from the commit that a pull request would be merged into', async () => {
  const against = await lockOf({ 'abc:models/pare.lock.json': '{"schemaVersion":1}' })
  if (against === undefined || against === 'none') throw new Error(`${against}`)
  expect(against.name).toBe('main')
  expect(readFileSync(against.path, 'utf8')).toBe('{"schemaVersion":1}')
})

it('is none where the base branch has none, so that the own one of a pull request never counts', async () => {
  expect(await lockOf({ 'def:models/pare.lock.json': '{}', 'abc:pare.lock.json': '{}' })).toBe('none')
  expect(await lockOf({ 'abc:models/pare.lock.json': '{}' }, EVENT, '')).toBe('none')
})

it('is not looked for outside of pull requests', async () => {
  expect(await lockOf({}, { name: 'push', code: 'repository' })).toBeUndefined()
})
