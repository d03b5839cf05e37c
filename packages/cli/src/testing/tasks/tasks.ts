import { ANNOTATED } from './annotated.js'
import { ENCODED } from './encoded.js'
import { SIGNALS } from './signals.js'
import { TABLES, VECTORS } from './tables.js'
import type { Task } from './task.js'
import { TEXTS } from './texts.js'

/** What people do with models, each with a model and data as they have them. */
export const TASKS: readonly Task[] = [...TABLES, ...SIGNALS, ...ANNOTATED, ...TEXTS, ...VECTORS, ...ENCODED]
