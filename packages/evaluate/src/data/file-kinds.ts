/** Images that folders and tables name. */
export const IMAGE_FILE = /\.(png|jpe?g|webp)$/i

/** Sounds that folders and tables name. */
export const SOUND_FILE = /\.wav$/i
