/** What a search has done already, kept outside of memory so that one that was stopped goes on behind it. Handed in: core writes no files. */
export interface SearchState extends AsyncDisposable {
  /** Path of the file with the values of a level, where they are kept. */
  find(level: string): Promise<string | undefined>
  /** Keeps the values of a level, whole or not at all. Gives the path of their file. */
  keep(level: string, values: Uint8Array): Promise<string>
  /** Scores of trials that were finished, by what was tried. */
  readonly scores: ReadonlyMap<string, number>
  /** Keeps scores, in the order in which they came; `seconds` that this run has searched. */
  record(scores: readonly (readonly [trial: string, score: number])[], seconds: number): Promise<void>
  /** That earlier runs have searched. */
  readonly seconds: number
}

/** Opens the state of a search. `identity` is all that decides how it goes on and is known here; the state of another search is not read. */
export type OpenSearch = (identity: string) => Promise<SearchState>

/** How a search went, for reports. */
export interface SearchFacts {
  /** What the levels are built around. */
  readonly around: 'fisher' | 'uniform'
  readonly levels: number
  /** That were made, those of earlier runs included. */
  readonly trials: number
  /** Of searching, without solving. */
  readonly seconds: number
  /** The best score whenever it changed: after which trial, and what found it. The first is that of the start. Scores are KL divergences from the reference, or mean squared differences. */
  readonly best: readonly { readonly trial: number; readonly score: number; readonly from: BestFrom }[]
}

/** What a best choice is from: the start, losses of single moves, or a generation. */
export type BestFrom = 'start' | 'curves' | 'offspring'
