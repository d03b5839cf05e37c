/** What is declined where a structure finds nothing of its kind anywhere. */
export const WHOLE_MODEL = 'the model'
