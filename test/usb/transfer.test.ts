import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { releasable, type TransferDone } from '../../src/usb/transfer.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

t.test(
  'a transfer that was released is forgotten, though the binding keeps its callback',
  async (t) => {
    // As the binding does: the callback is held from outside of JavaScript's memory.
    const held: TransferDone[] = []
    const natives: WeakRef<object>[] = []
    const seen: number[] = []
    const make = (released: boolean) => {
      const buffer = Buffer.allocUnsafeSlow(1 << 20)
      const transfer = releasable(
        (tell) => {
          held.push(tell)
          const native = { submit: () => buffer, cancel: () => true }
          natives.push(new WeakRef(native))
          return native
        },
        (_error, _buffer, length) => {
          // It knows its transfer, as callbacks that submit again do.
          if (transfer !== undefined) seen.push(length)
        },
      )
      held.at(-1)!(undefined, buffer, natives.length)
      if (released) transfer.release()
    }
    make(true)
    make(false)
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    t.same(seen, [1, 2])
    t.equal(natives[0]!.deref(), undefined)
    t.ok(natives[1]!.deref(), 'held for as long as it may complete')
    held[0]!(undefined, Buffer.alloc(0), 3)
    t.same(seen, [1, 2], 'what is released says nothing more')
  },
)
