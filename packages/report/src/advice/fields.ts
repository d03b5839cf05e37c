import { z } from 'zod'

/** What to do now. */
export const advice = z
  .array(
    z.object({
      situation: z.string().describe('what it is an answer to: drop-too-large, too-few-samples, …'),
      text: z.string(),
      options: z.string().optional().describe('to be added to the command that was run'),
      command: z.string().optional().describe('a command of its own'),
    }),
  )
  .describe('what to do now, where it is no pass or a class is lost, the likeliest first')
