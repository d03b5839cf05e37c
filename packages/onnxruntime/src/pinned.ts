/** An npm package at one version with the hash of its tarball, as package-lock.json states it (a test compares). */
export interface PinnedPackage {
  readonly name: string
  readonly version: string
  /** Subresource integrity of the tarball: `sha512-<base64>`. */
  readonly integrity: string
}

/** ONNX Runtime's native library with its JavaScript, for all platforms: 113.5 MB. */
export const onnxruntimeNode: PinnedPackage = {
  name: 'onnxruntime-node',
  version: '1.30.0',
  integrity: 'sha512-twhs1C2C/BFkz1yc5OY0KIU2GUq6DURO7hD4bx5Q2Qy3nAMJwRXW8xU3NVczE29VA9lolLOYepoD8fjTGOfIqw==',
}

/** The one package that onnxruntime-node loads at run time; its other dependencies serve its install script. */
export const onnxruntimeCommon: PinnedPackage = {
  name: 'onnxruntime-common',
  version: '1.30.0',
  integrity: 'sha512-7fdVWjAID1dVhH/G8qK3APARunV4VkBFoCQAP7qp4Wkab0mrorvmc+sqiT+mKXOzDqdjN5j+/Z9nb4gzNPWcyA==',
}

/** What of both packages is unpacked for a platform, as `digestOf` has it (a test compares it with what npm installed). */
export const CONTENTS: Readonly<Record<string, string>> = {
  'linux/x64': 'cfd3225e68b95ab0eea707c5c526cdd9c9c9c40069712f1eac676597c2d6d989',
  'linux/arm64': 'ff472d2aefb9b0d4efb1b8f26752e576a6d254290621ac8c969567613e3a8ca3',
  'darwin/arm64': '58d3ca5acc71a321ca426c8387c59bc3fd6b220cf1910449d68c69407c7059b8',
  'win32/x64': '370baebf79c8046cf0fb8b203f7316b835c3c914ec1a94824eed02c7a9c8395e',
  'win32/arm64': 'cc64edb0911340e1d5c59b3e5c9425c28b1c53dd60d208f4668601dd7fa0241a',
}
