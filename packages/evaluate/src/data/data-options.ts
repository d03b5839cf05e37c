import type { ImageOptions } from './images/image-options.js'
import type { MatchOptions } from './match.js'
import type { ModelValue } from './model-value.js'
import type { Asking, WritingOptions } from './questions/question.js'
import type { MixedFile } from './rows/mixed.js'
import type { TextOptions } from './text/text-options.js'

/** How data are opened for a model. */
export interface DataOptions extends MatchOptions {
  /** The inputs of the model the data are for: name, type and shape. */
  readonly inputs: readonly ModelValue[]
  /** Whether a module may be run, and files outside be named. Where it may not, naming one throws UntrustedError. */
  readonly trusted: boolean
  /** The folder in which all files must lie that data name which are not trusted. Default: that of the data */
  readonly workspace?: string
  /** Models beside which config.json and preprocessor_config.json may lie, the likeliest first. Default: none */
  readonly models?: readonly string[]
  /** Names of classes in the order of their numbers, for labels that are names. Default: those of config.json, else those that the model names */
  readonly classes?: readonly string[]
  /** How images become numbers. Default: as preprocessor_config.json says */
  readonly image?: ImageOptions
  /** How text becomes token ids, where the file holds text; see `mayBeText` in formats.ts. Without it text is refused. */
  readonly text?: TextOptions
  /** Reads rows as what a language model is asked, with a tokenizer. Default: as what a model is fed */
  readonly asking?: Asking
  /** Of an encoder with its decoder: the token that what is written begins with. What is asked is then the encoder's, and answers and choices are apart from it. Default: both are one text */
  readonly start?: number
  /** A table of rows that stand before each question with their answers. Default: none */
  readonly examples?: string
  /** How long answers may become, for which prompts leave room. */
  readonly writing?: WritingOptions
  /** Files of which samples are mixed: the data are then the first of them. Default: the data alone */
  readonly mixture?: readonly MixedFile[]
  /** Imports a module by its absolute path; a loader for TypeScript goes here. Default: import(). */
  readonly importModule?: (path: string) => Promise<unknown>
  /** Bytes that a file of arrays or of plain text may have, packed or unpacked. Default: 2 GiB. */
  readonly maxBytes?: number
  /** Bytes of a table that is read at once; a larger one is streamed. Default: 64 MiB */
  readonly smallBytes?: number
}
