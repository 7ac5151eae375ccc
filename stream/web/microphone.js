/** This browser's microphone on a channel: one button, and a line that says how it is. */

import { Publication } from "./publication.js";
import { put } from "./stage.js";

const MOST_HZ = 48_000;
const LEAST_HZ = 8_000;
const WANTED = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

const REFUSALS = {
  NotAllowedError: "The microphone was refused. Allow it in the browser's address bar, then try again.",
  SecurityError: "This browser does not give its microphone to this page.",
  NotFoundError: "No microphone was found.",
  NotReadableError: "The microphone is in use by another program.",
  OverconstrainedError: "No microphone was found that fits.",
};

/** States of the button: off, asking, opening, live, closing. */
export class Microphone {
  #parts;
  #publication = null;
  #stream = null;
  #context = null;
  #channel = "";

  /**
   * `button` and `status` are elements; `connect` gives the address and the protocols of a
   * connection, `channel` what the page shows, `occupied` whether somebody speaks there already. The
   * language is the button's `data-language`.
   */
  constructor(parts) {
    this.#parts = parts;
    parts.button.addEventListener("click", () => this.#pressed());
    this.#show("off", "");
  }

  /** The page shows another channel now; a microphone stays with its own. */
  moved(channel) {
    if (this.#channel && channel !== this.#channel) this.stop();
  }

  /** Hand the microphone back, and finish what was said. */
  stop() {
    if (!this.#publication) {
      this.#finish("");
      return;
    }
    this.#release();
    this.#show("closing", "The last words are being captioned.");
    this.#publication.close();
  }

  #pressed() {
    const { state } = this.#parts.button.dataset;
    if (state === "off") this.#start(this.#parts.channel());
    else if (state === "live") this.stop();
  }

  async #start(channel) {
    if (!navigator.mediaDevices?.getUserMedia) {
      this.#show("off", "Browsers give their microphone only to pages on https or on localhost.");
      return;
    }
    if (this.#parts.occupied()) {
      this.#show("off", `Somebody speaks on ${channel}: watch another channel first, it begins when you speak.`);
      return;
    }
    this.#channel = channel;
    this.#show("asking", "Waiting for the microphone: the browser asks you.");
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: WANTED });
      if (this.#channel !== channel) {
        for (const track of stream.getTracks()) track.stop();
        return;
      }
      this.#stream = stream;
      await this.#listen();
      this.#publish(channel);
    } catch (error) {
      if (this.#channel !== channel) return;
      this.#finish(REFUSALS[error.name] ?? `The microphone cannot be used: ${error.message}`);
    }
  }

  /** At the device's own rate: not every browser takes another. */
  async #listen() {
    const own = new AudioContext();
    const rate = Math.max(LEAST_HZ, Math.min(MOST_HZ, own.sampleRate));
    if (rate === own.sampleRate) {
      this.#context = own;
    } else {
      await own.close();
      this.#context = new AudioContext({ sampleRate: rate });
    }
    await this.#context.audioWorklet.addModule(new URL("capture.js", import.meta.url));
    const capture = new AudioWorkletNode(this.#context, "capture", { numberOfOutputs: 0 });
    capture.port.onmessage = ({ data }) => this.#publication?.put(data);
    this.#context.createMediaStreamSource(this.#stream).connect(capture);
    const [track] = this.#stream.getAudioTracks();
    track.onended = () => {
      this.stop();
      put(this.#parts.status, "The microphone is gone; what was said is still captioned.");
    };
  }

  #publish(channel) {
    this.#show("opening", "Opening the channel.");
    this.#publication = new Publication({
      ...this.#parts.connect(),
      request: { channel, sample_rate: this.#context.sampleRate, language: this.#parts.button.dataset.language, translate: ["*"] },
      opened: () => this.#show("live", `Your microphone is captioned on ${channel}.`),
      told: (trouble) => put(this.#parts.status, trouble),
      ended: (problem) => this.#finish(problem && `The microphone is off: ${problem}.`),
    });
  }

  #finish(told) {
    this.#release();
    this.#publication = null;
    this.#channel = "";
    this.#show("off", told);
  }

  #release() {
    for (const track of this.#stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    if (this.#context && this.#context.state !== "closed") this.#context.close();
    this.#stream = this.#context = null;
  }

  #show(state, told) {
    const { button, status } = this.#parts;
    button.dataset.state = state;
    button.ariaPressed = String(state === "live");
    button.ariaDisabled = String(state !== "off" && state !== "live");
    put(status, told);
  }
}
