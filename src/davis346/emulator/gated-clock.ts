/** A time that runs with uptime while its gate is open, and keeps its value while it is closed. */
export class GatedClock {
  running = false
  #valueUs: number
  #sinceUs = 0

  constructor(valueUs: number) {
    this.#valueUs = valueUs
  }

  at(uptimeUs: number): number {
    return this.running ? this.#valueUs + uptimeUs - this.#sinceUs : this.#valueUs
  }

  set(valueUs: number, uptimeUs: number): void {
    this.#valueUs = valueUs
    this.#sinceUs = uptimeUs
  }

  run(on: boolean, uptimeUs: number): void {
    this.set(this.at(uptimeUs), uptimeUs)
    this.running = on
  }
}
