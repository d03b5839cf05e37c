import { wordsOf } from './parts/distance.js'
import { errorRate } from './parts/error-rate.js'

export const wer = errorRate({ name: 'wer', formula: 'words to insert, delete or replace ÷ words expected' }, wordsOf)
