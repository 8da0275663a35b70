import { type Code, constant, i32, type WasmFunction, when, whileLoop } from './assembler.js'
import { Layout } from './instance.js'

/** What one cell of the pass map says about its pixel. */
export const PASS = -1
export const HOT = 0
export const OUT_OF_REGION = 1

/**
 * The filters' memory. Maps have a border of one cell on each side that no event ever writes, so the pixels of the
 * sensor's edge need no special case: nobody has fired out there.
 */
export interface FilterLayout {
  readonly width: number
  readonly height: number
  /** Cells of a padded map: (width + 2) * (height + 2). */
  readonly cells: number
  /** int32 a cell: when the pixel last fired, microseconds since the chain's base; 0 is never. */
  readonly timesAt: number
  /** int8 a cell: PASS, HOT or OUT_OF_REGION. */
  readonly passAt: number
  readonly chunk: number
  readonly dtAt: number
  readonly xAt: number
  readonly yAt: number
  readonly onAt: number
  /** uint32 each: events outside the sensor, out of the regions, past the pass map, past the refractory filter. */
  readonly countsAt: number
  readonly bytes: number
}

export function filterLayout(size: { width: number; height: number }, chunk: number): FilterLayout {
  const layout = new Layout()
  const cells = (size.width + 2) * (size.height + 2)
  return {
    ...size,
    cells,
    timesAt: layout.take(4 * cells),
    passAt: layout.take(cells),
    chunk,
    dtAt: layout.take(4 * chunk),
    xAt: layout.take(2 * chunk),
    yAt: layout.take(2 * chunk),
    onAt: layout.take(chunk),
    countsAt: layout.take(16),
    bytes: layout.bytes,
  }
}

const NEIGHBOURS = [-1, 0, 1]
  .flatMap((dy) => [-1, 0, 1].map((dx) => [dy, dx] as const))
  .filter(([dy, dx]) => dy !== 0 || dx !== 0)

/**
 * All filters in one pass over `n` staged events: returns how many were kept, compacted to the front.
 *
 * Data decides, not branches: whether an event is noise is a coin toss to a branch predictor, and a miss costs more than
 * the whole test. So every event is written to the end of the kept ones and the end moves on by 0 or 1. All
 * comparisons are signs of differences, carried as 0 or -1. Eight loads of one cell beat three vector loads here: a
 * vector load that covers a cell stored an event ago must wait for that store to leave the pipeline.
 *
 * `single` tests for at least one neighbour (a plain OR); otherwise `support` neighbours are counted.
 */
export function filterKernel(layout: FilterLayout, name: string, single: boolean): WasmFunction {
  const stride = layout.width + 2
  const cell = (dy: number, dx: number): number => (dy + 1) * stride + dx + 1
  return {
    name,
    params: ['n', 'offset', 'background', 'refractory', 'support'],
    result: 'i32',
    locals: {
      ...{ i: 'i32', kept: 'i32', x: 'i32', y: 'i32', dt: 'i32', now: 'i32', since: 'i32' },
      ...{ at: 'i32', pass: 'i32', fresh: 'i32', supported: 'i32' },
      ...{ outside: 'i32', outOfRegion: 'i32', passed: 'i32', freshCount: 'i32' },
    },
    body: (l) => {
      const times2 = (name: string): Code => i32.shl(l(name).get, constant(1))
      const times4 = (name: string): Code => i32.shl(l(name).get, constant(2))
      const sign = (value: Code): Code => i32.shrS(value, constant(31))
      const minus1 = (value: Code): Code => i32.sub(value, constant(1))
      const lastFired = (dy: number, dx: number): Code =>
        i32.load(l('at').get, layout.timesAt + 4 * cell(dy, dx))
      // Negative where the neighbour fired after `since`.
      const age = NEIGHBOURS.map(([dy, dx]) => i32.sub(l('since').get, lastFired(dy, dx)))
      const anyone = age.reduce((a, b) => i32.or(a, b))
      const count = age.map((a) => i32.shrU(a, constant(31))).reduce((a, b) => i32.add(a, b))
      const enough = single ? anyone : i32.sub(minus1(l('support').get), count)
      const inSensor = i32.and(
        i32.ltU(l('x').get, constant(layout.width)),
        i32.ltU(l('y').get, constant(layout.height)),
      )
      return [
        whileLoop(i32.ltU(l('i').get, l('n').get), [
          l('x').set(i32.load16U(times2('i'), layout.xAt)),
          l('y').set(i32.load16U(times2('i'), layout.yAt)),
          l('outside').set(i32.add(l('outside').get, i32.eqz(inSensor))),
          when(inSensor, [
            l('dt').set(i32.load(times4('i'), layout.dtAt)),
            l('now').set(i32.add(l('offset').get, l('dt').get)),
            l('since').set(i32.sub(l('now').get, l('background').get)),
            l('at').set(i32.add(i32.mul(l('y').get, constant(stride)), l('x').get)),
            l('pass').set(i32.load8S(l('at').get, layout.passAt + cell(0, 0))),
            // -1, 0, 1 become 0, 0, 1.
            l('outOfRegion').set(
              i32.add(
                l('outOfRegion').get,
                i32.shrS(i32.add(l('pass').get, constant(1)), constant(1)),
              ),
            ),
            l('pass').set(sign(l('pass').get)),
            l('passed').set(i32.sub(l('passed').get, l('pass').get)),
            l('at').set(times4('at')),
            // last fired < now - refractory + 1, in whole microseconds
            l('fresh').set(
              i32.and(
                l('pass').get,
                sign(i32.sub(lastFired(0, 0), i32.sub(l('now').get, minus1(l('refractory').get)))),
              ),
            ),
            l('freshCount').set(i32.sub(l('freshCount').get, l('fresh').get)),
            l('supported').set(sign(enough)),
            // A masked pixel keeps its 0: it supports nobody.
            i32.store(
              l('at').get,
              i32.and(l('now').get, l('pass').get),
              layout.timesAt + 4 * cell(0, 0),
            ),
            i32.store(times4('kept'), l('dt').get, layout.dtAt),
            i32.store16(times2('kept'), l('x').get, layout.xAt),
            i32.store16(times2('kept'), l('y').get, layout.yAt),
            i32.store8(l('kept').get, i32.load8U(l('i').get, layout.onAt), layout.onAt),
            l('kept').set(i32.sub(l('kept').get, i32.and(l('supported').get, l('fresh').get))),
          ]),
          l('i').set(i32.add(l('i').get, constant(1))),
        ]),
        i32.store(constant(layout.countsAt), l('outside').get),
        i32.store(constant(layout.countsAt), l('outOfRegion').get, 4),
        i32.store(constant(layout.countsAt), l('passed').get, 8),
        i32.store(constant(layout.countsAt), l('freshCount').get, 12),
        l('kept').get,
      ]
    },
  }
}
