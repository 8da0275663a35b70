import type { Stimulus } from '../davis346/emulator/stimulus.js'
import type { Scene } from './scene/scene.js'

/** Lets an emulated camera look at a scene. Stimulus time is scene time; the scene must have the camera's size. */
export function sceneStimulus(scene: Scene): Stimulus {
  return {
    next: (untilUs) => {
      const batch = scene.next(untilUs)
      return batch.length > 0 ? batch : undefined
    },
    bias: (response) => scene.bias(response),
    image: (_tUs, into) => {
      const picture = scene.image()
      // 16-bit full scale to the 10 bits of the converter.
      for (let i = 0; i < into.length; i++) into[i] = picture[i]! >> 6
    },
  }
}
