/** Files that are read beside a tokenizer.json, by what they say. Of several the first that there is counts. */
export const BESIDE_TOKENIZER = {
  settings: ['tokenizer_config.json'],
  /** How a conversation is written, before what the settings say. */
  templates: ['chat_template.jinja', 'chat_template.json'],
  /** Which tokens end a text. */
  ends: ['generation_config.json', 'config.json', 'genai_config.json'],
} as const
