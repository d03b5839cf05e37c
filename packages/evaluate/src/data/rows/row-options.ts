import type { ImageOptions } from '../images/image-options.js'
import type { MatchOptions } from '../match.js'
import type { TextOptions } from '../text/text-options.js'
import type { Boundary } from './inside.js'

/** How the rows of a table are read. */
export interface RowOptions extends MatchOptions {
  readonly text?: TextOptions
  readonly image?: ImageOptions
  readonly boundary: Boundary
  /** The preprocessor_config.json beside model or data. */
  findPreprocessor(): Promise<{ readonly path: string; readonly content: Readonly<Record<string, unknown>> } | undefined>
  /** What is larger is streamed. Default: 64 MiB */
  readonly smallBytes?: number
  /** Names of classes as the user says them. */
  readonly classes?: readonly string[]
}
