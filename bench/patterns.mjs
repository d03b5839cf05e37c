// Written networks, one for each way in which units hang together: by name, a function that writes them for an opset and a type.
import { Absent, Builder } from './matrix/builder.mjs'
import { CONVERTERS } from './matrix/converter-patterns.mjs'
import { DETECTION } from './matrix/detection-patterns.mjs'
import { EXPERTS } from './matrix/expert-patterns.mjs'
import { IMAGES } from './matrix/image-patterns.mjs'
import { ODD } from './matrix/odd-patterns.mjs'
import { SEQUENCES } from './matrix/sequence-patterns.mjs'

export const PATTERNS = { ...IMAGES, ...SEQUENCES, ...ODD, ...EXPERTS, ...DETECTION, ...CONVERTERS }
export const OPSETS = [9, 10, 11, 12, 13, 14, 15, 16, 17]
export const TYPES = ['f32', 'f16', 'qdq']

/** The model; undefined where the opset or the type has no such network. */
export function patternModel(name, { opset, type }) {
  const builder = new Builder({ opset, type })
  try {
    PATTERNS[name](builder)
  } catch (error) {
    if (error instanceof Absent) return undefined
    throw error
  }
  return builder.model()
}
