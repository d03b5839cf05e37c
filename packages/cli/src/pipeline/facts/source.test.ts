import { expect, test } from 'vitest'
import { sourceOf } from './source.js'

const env = {
  GITHUB_SERVER_URL: 'https://github.com',
  GITHUB_REPOSITORY: 'pare-dev/pare',
  GITHUB_SHA: '635fdde0c3f1b2a49d8e7f60512a3b4c5d6e7f80',
  GITHUB_RUN_ID: '12345',
}

test('a workflow says commit, repository and run; the config is named as messages name it', () => {
  expect(sourceOf(env, { config: '/work/app/pare.config.json', cwd: '/work/app' })).toEqual({
    commit: env.GITHUB_SHA,
    repository: 'https://github.com/pare-dev/pare',
    run: 'https://github.com/pare-dev/pare/actions/runs/12345',
    config: 'pare.config.json',
  })
})

test('what is no address, commit or number is left out', () => {
  const wrong = { ...env, GITHUB_SERVER_URL: 'javascript:alert(1)//', GITHUB_SHA: 'main', GITHUB_RUN_ID: '1?x' }
  expect(sourceOf(wrong, { config: undefined, cwd: '/' })).toBeUndefined()
  expect(sourceOf({}, { config: undefined, cwd: '/' })).toBeUndefined()
})
