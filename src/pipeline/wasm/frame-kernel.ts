import { type Code, constant, i32, v128, type WasmFunction, when, whileLoop } from './assembler.js'
import { Layout } from './instance.js'

/**
 * The aggregator's memory. A plane is padded to whole cache lines; the padding holds zeros and is never handed out.
 * A hop has two planes (negative, positive); an output has three (trajectory, negative, positive).
 */
export interface FrameLayout {
  readonly width: number
  readonly height: number
  readonly hops: number
  /** Bytes from one plane to the next. */
  readonly plane: number
  readonly hopsAt: number
  /** Two outputs that take turns: one is written while the other is the previous window. */
  readonly outputsAt: number
  /** float32 a pixel. */
  readonly trajectoryAt: number
  readonly chunk: number
  readonly xAt: number
  readonly yAt: number
  readonly onAt: number
  readonly bytes: number
}

export function frameLayout(
  size: { width: number; height: number },
  parts: { hops: number; chunk: number },
): FrameLayout {
  const layout = new Layout()
  const plane = (size.width * size.height + 63) & ~63
  return {
    ...size,
    ...parts,
    plane,
    hopsAt: layout.take(2 * plane * parts.hops),
    outputsAt: layout.take(6 * plane),
    trajectoryAt: layout.take(4 * plane),
    xAt: layout.take(2 * parts.chunk),
    yAt: layout.take(2 * parts.chunk),
    onAt: layout.take(parts.chunk),
    bytes: layout.bytes,
  }
}

/**
 * accumulate(n, hopAt): adds `amount` for each of `n` staged events to its pixel of the hop at `hopAt`, up to 255.
 * Returns how many events lay outside the sensor and were left out.
 */
export function accumulateKernel(layout: FrameLayout, amount: number): WasmFunction {
  return {
    name: 'accumulate',
    params: ['n', 'hopAt'],
    result: 'i32',
    locals: { i: 'i32', x: 'i32', y: 'i32', at: 'i32', value: 'i32', outside: 'i32' },
    body: (l) => {
      const times2 = (name: string): Code => i32.shl(l(name).get, constant(1))
      const inSensor = i32.and(
        i32.ltU(l('x').get, constant(layout.width)),
        i32.ltU(l('y').get, constant(layout.height)),
      )
      const on = i32.and(i32.load8U(l('i').get, layout.onAt), constant(1))
      const pixel = i32.add(i32.mul(l('y').get, constant(layout.width)), l('x').get)
      const full = i32.shrS(i32.sub(constant(255), l('value').get), constant(31))
      return [
        whileLoop(i32.ltU(l('i').get, l('n').get), [
          l('x').set(i32.load16U(times2('i'), layout.xAt)),
          l('y').set(i32.load16U(times2('i'), layout.yAt)),
          l('outside').set(i32.add(l('outside').get, i32.eqz(inSensor))),
          when(inSensor, [
            l('at').set(i32.add(l('hopAt').get, i32.mul(on, constant(layout.plane)))),
            l('at').set(i32.add(l('at').get, pixel)),
            l('value').set(i32.add(i32.load8U(l('at').get), constant(amount))),
            // Past 255 every bit is set, and the byte stored is 255.
            i32.store8(l('at').get, i32.or(l('value').get, full)),
          ]),
          l('i').set(i32.add(l('i').get, constant(1))),
        ]),
        l('outside').get,
      ]
    },
  }
}

/**
 * combine(previousAt, outputAt): one window from all hops, 16 pixels at a time.
 *
 *     negative, positive = sum of the hops, up to 255
 *     onsets             = how many of the two are not 0 but were in the previous window (0, 1 or 2)
 *     trajectory         = min(255, trajectory * decay + onsets * amount), in float32
 *
 * The trajectory is kept as float32 and truncated in the output. Saturating each hop and then the sum gives what
 * saturating the sum alone would: a hop that is full makes the window full.
 */
export function combineKernel(
  layout: FrameLayout,
  parameters: { amount: number; decay: number },
): WasmFunction {
  const { plane } = layout
  const sum = (at: Code, offset: number): Code =>
    Array.from({ length: layout.hops }, (_, hop) =>
      v128.load(at, layout.hopsAt + 2 * plane * hop + offset),
    ).reduce((a, b) => v128.addSaturatingU8(a, b))
  return {
    name: 'combine',
    params: ['previousAt', 'outputAt'],
    locals: {
      ...{ i: 'i32', floatAt: 'i32', negative: 'v128', positive: 'v128', onsets: 'v128' },
      ...{ part: 'v128', t0: 'v128', t1: 'v128', t2: 'v128', t3: 'v128' },
    },
    body: (l) => {
      const i = l('i').get

      const wasThere = (plane: number): Code =>
        v128.load(i32.add(l('previousAt').get, i), plane * layout.plane)
      const onset = (name: string, index: number): Code =>
        v128.andNot(v128.eqI8(wasThere(index), v128.zero), v128.eqI8(l(name).get, v128.zero))
      const quarter = (n: number, integers: Code): Code => {
        const before = v128.load(l('floatAt').get, layout.trajectoryAt + 16 * n)
        const decayed = v128.mulF32(before, v128.splatF32(float(parameters.decay)))
        const added = v128.mulF32(
          v128.convertI32(integers),
          v128.splatF32(float(parameters.amount)),
        )
        const limit = v128.splatF32(float(255))
        return v128.pminF32(v128.addF32(decayed, added), limit)
      }
      const keep = (n: number): Code =>
        v128.store(l('floatAt').get, l(`t${n}`).get, layout.trajectoryAt + 16 * n)
      const whole = (n: number): Code => v128.truncateF32(l(`t${n}`).get)
      const output = (index: number, value: Code): Code =>
        v128.store(i32.add(l('outputAt').get, i), value, index * plane)
      return [
        whileLoop(i32.ltU(i, constant(plane)), [
          l('negative').set(sum(i, 0)),
          l('positive').set(sum(i, plane)),
          output(1, l('negative').get),
          output(2, l('positive').get),
          l('onsets').set(
            v128.subI8(v128.subI8(v128.zero, onset('negative', 1)), onset('positive', 2)),
          ),
          l('floatAt').set(i32.shl(i, constant(2))),
          l('part').set(v128.extendLowU8(l('onsets').get)),
          l('t0').set(quarter(0, v128.extendLowU16(l('part').get))),
          l('t1').set(quarter(1, v128.extendHighU16(l('part').get))),
          l('part').set(v128.extendHighU8(l('onsets').get)),
          l('t2').set(quarter(2, v128.extendLowU16(l('part').get))),
          l('t3').set(quarter(3, v128.extendHighU16(l('part').get))),
          ...[0, 1, 2, 3].map(keep),
          output(
            0,
            v128.narrowI16(v128.narrowI32(whole(0), whole(1)), v128.narrowI32(whole(2), whole(3))),
          ),
          l('i').set(i32.add(i, constant(16))),
        ]),
      ]
    },
  }
}

function float(value: number): Code {
  return [0x43, ...new Uint8Array(Float32Array.of(value).buffer)]
}
