// Of the WebGPU standard: browsers have these as globals, Node has not.

export const BUFFER = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, uniform: 0x40, storage: 0x80 } as const
export const STAGE_COMPUTE = 0x4
export const MAP_READ = 0x1
