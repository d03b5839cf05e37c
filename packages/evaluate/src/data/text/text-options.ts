/** How text becomes token ids. */
export interface TextOptions {
  /** Path of a Hugging Face tokenizer.json; a tokenizer_config.json beside it is read too. */
  readonly tokenizer: string
  /** Tokens in a window. Default: the model's sequence length where it is fixed, else 256. */
  readonly length?: number
  /** Tokens from the start of a window to that of the next. Smaller than `length`, each token is still predicted once, with more before it. Default: `length`. */
  readonly stride?: number
  /** Whether the tokenizer adds its special tokens ([CLS], <s>). Default: only where the text has labels, is a pair of texts, or a prompt with an answer. */
  readonly specialTokens?: boolean
  /** Field, or column, that holds the text. Default: 'messages', a pair such as 'premise' and 'hypothesis', 'prompt' and 'completion', 'instruction' and 'output', or 'text'. */
  readonly field?: string
  /** What stands before texts that an embedding model encodes each on its own, by the name of their column; by '' for columns that are not named. Default: nothing */
  readonly prompts?: Readonly<Record<string, string>>
  /** Whether such texts are written in small letters first. Default: false */
  readonly lowerCase?: boolean
}
