import type { Context } from '../terminal/context.js'
import { showPath } from './paths.js'
import type { Publication } from './publication.js'

/** Publishes what a command made, and says which verdicts of earlier runs do not hold any more. */
export async function publishAll(publication: Publication, { io, progress }: Context): Promise<void> {
  for (const results of await publication.publish())
    progress.note(
      `${showPath(results, io.cwd)} and its report judged the files that were here before: removed. Measure again with: pare run`,
    )
}
