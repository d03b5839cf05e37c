/** How a command ends. `untrusted`: something executable was asked for where the checkout is not trusted. */
export const EXIT = { pass: 0, fail: 1, usage: 2, infrastructure: 3, untrusted: 4, interrupted: 130 } as const
