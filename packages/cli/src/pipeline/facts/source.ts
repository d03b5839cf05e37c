import { present } from '@pare/onnx'
import type { RunResults } from '@pare/report'
import { showPath } from '../../files/paths.js'

/** The variables that a workflow of GitHub sets. */
export type SourceVariables = Readonly<
  Partial<Record<'GITHUB_SERVER_URL' | 'GITHUB_REPOSITORY' | 'GITHUB_SHA' | 'GITHUB_RUN_ID', string>>
>

/** What is run: in a workflow its commit, repository and run, with addresses that a reader can open; everywhere the config. Undefined where nothing is known. */
export function sourceOf(
  env: SourceVariables,
  { config, cwd }: { readonly config: string | undefined; readonly cwd: string },
): RunResults['source'] {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name, GITHUB_SHA: sha, GITHUB_RUN_ID: id } = env
  const isAddress =
    server !== undefined && /^https:\/\/[\w.-]+(:\d+)?$/.test(server) && name !== undefined && /^[\w.-]+\/[\w.-]+$/.test(name)
  const repository = isAddress ? `${server}/${name}` : undefined
  const source = present({
    commit: sha !== undefined && /^[0-9a-f]{40,64}$/.test(sha) ? sha : undefined,
    repository,
    run: repository !== undefined && id !== undefined && /^\d+$/.test(id) ? `${repository}/actions/runs/${id}` : undefined,
    config: config && showPath(config, cwd),
  })
  return Object.keys(source).length === 0 ? undefined : source
}
