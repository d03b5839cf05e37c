import { doJob } from './jobs.js'
import { answerJob } from './process/answer.js'
import type { Job, Setup } from './process/job.js'

answerJob<Job & Setup>(doJob)
