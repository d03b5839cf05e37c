import { z } from 'zod'

// What many fields of results are.

export const number = z.number()
export const count = z.number().int().nonnegative()
export const bytes = count.describe('bytes')
