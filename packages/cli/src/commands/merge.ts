import { resolve } from 'node:path'
import { isStatistics, mergeStatistics, type NamedStatistics, parseStatistics } from '@pare/core'
import { formatBytes, plural } from '@pare/gate'
import { readRegular, systemCode } from '@pare/onnx'
import { refuseInput } from '../files/output.js'
import { isFile, isFolder, showPath } from '../files/paths.js'
import { writeStatistics } from '../files/statistics-files.js'
import { type OptionValues, ownOf } from '../options/overrides.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { usage } from '../terminal/failure.js'
import { runOptionsOf, tellRun } from './run.js'

/** `pare merge`: what shards left, put together exactly: those of a run where a folder is named, else files of statistics. */
export async function merge(context: Context, words: readonly string[], values: OptionValues): Promise<number> {
  const [first = '', ...models] = words
  if (!(await isFolder(resolve(context.io.cwd, first)))) return await mergeStatisticFiles(context, words, values)
  const { mergeRun } = await import('../sharding/merge-run.js')
  return tellRun(context, await mergeRun({ ...runOptionsOf('merge', { context, models, values }), shards: first }))
}

async function mergeStatisticFiles(context: Context, files: readonly string[], values: OptionValues): Promise<number> {
  const { io } = context
  const { out } = ownOf('merge', values)
  if (out === undefined && files.length === 1 && !(await isFile(resolve(io.cwd, files[0]!))))
    throw usage(
      `pare merge: there is neither a folder nor a file ${files[0]}.`,
      'name the folder of the shards, such as pare-out/shards',
    )
  if (out === undefined) throw usage('pare merge: it is not said where the statistics go.', 'name a file: --out stats.pare')
  const target = resolve(io.cwd, out)
  for (const file of files) await refuseInput(resolve(io.cwd, file), target)
  const shards: NamedStatistics[] = []
  for (const name of files) shards.push({ name, file: await readShard(resolve(io.cwd, name), name) })
  const merged = mergeStatistics(shards)
  const bytes = await writeStatistics(target, merged)
  const { samples } = merged.data
  const shown = { path: showPath(target, io.cwd), bytes }
  answer(context, { schemaVersion: 1, command: 'merge', files, samples, statistics: shown })
  say(
    context,
    shown.path,
    (path) => `${path}  (${formatBytes(bytes)})\n  ${plural(samples!, 'sample')} of ${plural(files.length, 'file')}`,
  )
  return EXIT.pass
}

async function readShard(path: string, name: string): Promise<NamedStatistics['file']> {
  const bytes = await readRegular(path, { what: 'a file of statistics' }).catch((cause: unknown) => {
    if (systemCode(cause) === undefined) throw cause
    throw usage(
      `pare merge: ${name} cannot be read (${systemCode(cause)}).`,
      'name the files that pare calibrate --shard wrote',
      cause,
    )
  })
  if (isStatistics(bytes)) return parseStatistics(bytes, name)
  if (isRun(bytes)) {
    throw usage(
      `pare merge: ${name} holds the results of a whole pare run, not what a shard left.`,
      'name the folder of the shards, such as pare-out/shards',
    )
  }
  throw usage(`pare merge: ${name} is not a file of statistics.`, 'name the files that pare calibrate --shard wrote')
}

/** Whether these are the results of a run. */
function isRun(bytes: Uint8Array): boolean {
  try {
    return (JSON.parse(new TextDecoder().decode(bytes)) as { command?: unknown } | null)?.command === 'run'
  } catch {
    return false
  }
}
