import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { repository } from './action-yml.js'

/** A machine's folders as a hosted runner has them, outside of this repository: no `node_modules` above or below. */
export interface Machine {
  /** The action as it is checked out by the runner: action.yml and the bundle, nothing else. */
  readonly action: string
  readonly workspace: string
  readonly temp: string
  readonly toolCache: string
  /** Files the step writes to, by variable: GITHUB_OUTPUT, GITHUB_STEP_SUMMARY … */
  readonly commandFiles: Readonly<Record<string, string>>
  [Symbol.dispose](): void
}

/** `toolCache`: one that an earlier step has filled. Default: an empty one. */
export function makeMachine(toolCache?: string): Machine {
  const root = mkdtempSync(join(tmpdir(), 'pare-runner-'))
  const folder = (name: string) => {
    mkdirSync(join(root, name), { recursive: true })
    return join(root, name)
  }
  const action = folder('action')
  const dist = 'packages/action/dist'
  cpSync(join(repository, dist), join(action, dist), { recursive: true })
  copyFileSync(join(repository, 'action.yml'), join(action, 'action.yml'))
  const files = folder('files')
  const names = ['GITHUB_OUTPUT', 'GITHUB_STEP_SUMMARY', 'GITHUB_ENV', 'GITHUB_PATH', 'GITHUB_STATE']
  const commandFiles = Object.fromEntries(names.map((name) => [name, join(files, name)]))
  for (const path of Object.values(commandFiles)) writeFileSync(path, '')
  return {
    action,
    workspace: folder('workspace'),
    temp: folder('temp'),
    toolCache: toolCache ?? folder('toolcache'),
    commandFiles,
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  }
}

/** A tool cache that the first step of a file of tests fills, for the steps after it. `afterAll`: that of the test runner, who removes it. */
export function sharedToolCache(afterAll: (end: () => void) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'pare-toolcache-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes files into the workspace: text by path, or a copy of a file in test-models. */
export function checkOut(machine: Machine, files: Readonly<Record<string, string | { readonly testModel: string }>>): void {
  for (const [path, content] of Object.entries(files)) {
    const target = join(machine.workspace, path)
    mkdirSync(dirname(target), { recursive: true })
    if (typeof content === 'string') writeFileSync(target, content)
    else copyFileSync(join(repository, 'test-models', content.testModel), target)
  }
}

/** Values by name from a file in GitHub's format: `name<<delimiter`, lines, `delimiter`. */
export function readCommandFile(path: string): Record<string, string> {
  const text = readFileSync(path, 'utf8')
  return Object.fromEntries(
    [...text.matchAll(/^(.+?)<<(.+)\r?\n([\s\S]*?)\r?\n\2$/gm)].map(([, name = '', , value = '']) => [name, value]),
  )
}
