import { relative } from 'node:path'
import { fails, type PluginFinding, passes, skips } from './finding.js'
import { runTool, toolOf } from './installed-tool.js'

/** Whether the types compile in a strict project that looks at the declarations of libraries too (skipLibCheck: false). */
export async function checkTypes(
  types: string,
  { folder, signal }: { readonly folder: string; readonly signal: AbortSignal },
): Promise<PluginFinding> {
  const tsc = toolOf(folder, { name: 'typescript', file: 'bin/tsc' })
  const shown = relative(folder, types)
  if (tsc === undefined)
    return skips('types', `${shown} was not compiled: typescript is not installed here.`, 'npm install --save-dev typescript')
  const options = [
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    'false',
    '--target',
    'es2022',
    '--module',
    'nodenext',
  ]
  const { exitCode, stdout } = await runTool(tsc, [...options, '--types', 'node', '--pretty', 'false', types], {
    cwd: folder,
    signal,
  })
  if (exitCode === 0) return passes('types', `${shown}, which compiles, strict and without skipLibCheck`)
  const problems = stdout.trim().split('\n')
  const more = problems.length > 1 ? `, and ${problems.length - 1} more` : ''
  return fails(
    'types',
    `${shown} does not compile in a strict project: ${problems[0]}${more}.`,
    `tsc ${options.join(' ')} ${shown} shows all of it.`,
  )
}
