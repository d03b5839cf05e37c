/** What a user may choose for scoring and selecting weights: `auto` uses the CPU. */
export const DEVICES = ['auto', 'cpu', 'gpu'] as const

/** Where it is decided what goes. 'auto' is the CPU: it judges weights in less time than a GPU takes to be sent them (bench/README.md). */
export type DeviceChoice = (typeof DEVICES)[number]
