/** What a training may minimise. */
export const LOSSES = ['cross-entropy', 'next-token', 'mse', 'kl', 'output'] as const
