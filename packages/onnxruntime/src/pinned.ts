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
