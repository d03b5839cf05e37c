import { doJob } from './jobs.js'
import { answerJob } from './process/answer.js'
import type { Job, Setup } from './process/process.js'

answerJob<Job & Setup>(doJob)
