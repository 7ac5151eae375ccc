/** Runs on the audio thread: the microphone's samples, mono, as 16-bit integers, 40 ms at a time. */

const PIECE_S = 0.04;

class Capture extends AudioWorkletProcessor {
  #piece = new Int16Array(Math.round(sampleRate * PIECE_S));
  #filled = 0;

  /** One block of 128 frames; channels are averaged. */
  process([channels]) {
    const frames = channels[0]?.length ?? 0;
    for (let frame = 0; frame < frames; frame += 1) {
      let sum = 0;
      for (const channel of channels) sum += channel[frame];
      const sample = Math.max(-1, Math.min(1, sum / channels.length));
      this.#piece[this.#filled] = Math.round(sample * 32767);
      this.#filled += 1;
      if (this.#filled === this.#piece.length) this.#post();
    }
    return true;
  }

  #post() {
    this.port.postMessage(this.#piece.slice().buffer);
    this.#filled = 0;
  }
}

registerProcessor("capture", Capture);
