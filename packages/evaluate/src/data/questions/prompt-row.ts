/** Whether a row is something to answer, with the answer in words, and no text to predict. */
export function isPromptRow(values: Readonly<Record<string, unknown>>): boolean {
  const { prompt, question, answer, answers } = values
  const isText = (value: unknown) => typeof value === 'string' && value !== ''
  const expected = answer ?? answers
  const isAnswer =
    isText(expected) || Array.isArray(expected) || Array.isArray((expected as { text?: unknown } | null | undefined)?.text)
  return (isText(prompt) || isText(question)) && isAnswer
}
