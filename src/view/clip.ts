import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { EvtrackError } from '../events/errors.js'
import type { Size } from '../events/geometry.js'
import type { Canvas } from '../pipeline/picture.js'

/** A video file in the making. */
export interface Clip {
  /** Adds a picture; resolves when there is room for the next. Rejects when the file cannot be written. */
  write(picture: Canvas): Promise<void>
  /** Resolves when the file is whole. */
  finish(): Promise<void>
  /** Gives up and removes what was written. Does nothing after finish(). */
  discard(): Promise<void>
}

const LAST_WORDS = 2000

/**
 * Starts ffmpeg, which makes the file: H.264 in a form that browsers play. Rejects with CONFIG_INVALID when there is no
 * ffmpeg here.
 */
export async function openClip(
  path: string,
  options: { readonly size: Size; readonly framesPerSecond: number; readonly ffmpeg?: string },
): Promise<Clip> {
  const { size, framesPerSecond, ffmpeg = 'ffmpeg' } = options
  const input = ['-f', 'rawvideo', '-pix_fmt', 'rgba', '-s', `${size.width}x${size.height}`]
  const rate = ['-r', String(framesPerSecond)]
  // 4:2:0 needs even sides.
  const output = ['-vf', 'pad=ceil(iw/2)*2:ceil(ih/2)*2', '-c:v', 'libx264', '-crf', '20']
  const shape = ['-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-movflags', '+faststart']
  const child = spawn(
    ffmpeg,
    ['-v', 'error', '-y', ...input, ...rate, '-i', '-', ...output, ...shape, '-f', 'mp4', path],
    // In a group of its own: Ctrl-C ends the clip by ending what is written to it.
    { stdio: ['pipe', 'ignore', 'pipe'], detached: true },
  )
  const encoder = new Encoder(child, path)
  try {
    await once(child, 'spawn')
  } catch (cause) {
    throw new EvtrackError('CONFIG_INVALID', 'A video needs ffmpeg, which is not here.', {
      next: 'Install it (apt install ffmpeg), or give --out a name that ends in .png for a sheet of pictures.',
      cause,
    })
  }
  return encoder
}

class Encoder implements Clip {
  readonly #child: ChildProcess
  readonly #path: string
  readonly #exited: Promise<number | null>
  #said = ''
  #ended = false

  constructor(child: ChildProcess, path: string) {
    this.#child = child
    this.#path = path
    this.#exited = new Promise((resolve) => child.once('close', resolve))
    // Absent ffmpeg is told by the one who waits for it to start.
    child.on('error', () => {})
    child.stdin!.on('error', () => {})
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-LAST_WORDS)
    })
  }

  async write({ data }: Canvas): Promise<void> {
    const input = this.#child.stdin!
    if (input.destroyed) throw await this.#failure()
    if (input.write(data)) return
    await new Promise<void>((resolve) => {
      const done = () => {
        input.off('drain', done).off('close', done)
        resolve()
      }
      input.on('drain', done).on('close', done)
    })
  }

  async finish(): Promise<void> {
    this.#ended = true
    this.#child.stdin!.end()
    if ((await this.#exited) !== 0) throw await this.#failure()
  }

  async discard(): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    this.#child.kill('SIGKILL')
    await this.#exited
    await rm(this.#path, { force: true })
  }

  async #failure(): Promise<EvtrackError> {
    await this.#exited
    const words = this.#said.trim().split('\n').at(-1) ?? ''
    return new EvtrackError('CONFIG_INVALID', `${this.#path} cannot be written: ${words}.`, {
      next: 'Give --out a path in a folder that exists, is writable and has room.',
    })
  }
}
