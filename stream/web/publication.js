/** One channel's audio on its way to the server, on a connection of its own. */

/** More than this on its way means that the network does not carry it: seconds of 16-bit audio. */
const BEHIND_S = 5;
/** The open segment is finished, and its captions written, before `closed` comes. */
const CLOSING_MS = 35_000;

const REASONS = {
  4001: "a valid token is needed to publish here",
  4003: "this token does not allow it",
  1012: "the server restarts",
  1013: "the server is overloaded",
};

/**
 * Opens a channel, takes pieces of audio, closes it. `ended` is called once, with what went wrong or
 * nothing: after `close`, or when the server or the network ends it.
 */
export class Publication {
  #socket;
  #request;
  #opened;
  #told;
  #ended;
  #isOpen = false;
  #closing = 0;

  /** `request`: the fields of `open`; `told`: of trouble that the audio survives. */
  constructor({ url, protocols, request, opened, told, ended }) {
    this.#request = request;
    this.#opened = opened;
    this.#told = told;
    this.#ended = ended;
    this.#socket = new WebSocket(url, protocols);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#say({ type: "open", id: "open", ...request });
    this.#socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
    this.#socket.onclose = ({ code, reason }) => this.#end(REASONS[code] ?? (reason || "the connection is lost"));
  }

  /** Samples as 16-bit integers; what comes before the channel is open is not kept. */
  put(piece) {
    if (!this.#isOpen) return;
    this.#socket.send(piece);
    if (this.#socket.bufferedAmount > BEHIND_S * this.#request.sample_rate * 2) this.#end("the network is too slow");
  }

  /** End of audio: what was said is still captioned. */
  close() {
    if (!this.#isOpen) {
      this.#end("");
      return;
    }
    this.#isOpen = false;
    this.#say({ type: "close", id: "close", channel: this.#request.channel });
    this.#closing = setTimeout(() => this.#end("the last words may be missing"), CLOSING_MS);
  }

  #hear(message) {
    if (message.type === "opened") {
      this.#isOpen = true;
      this.#opened();
    } else if (message.type === "closed") {
      this.#end("");
    } else if (message.type === "error") {
      if (this.#isOpen || this.#closing) this.#told(message.message);
      else this.#end(message.message);
    }
  }

  #say(request) {
    this.#socket.send(JSON.stringify(request));
  }

  #end(problem) {
    if (!this.#ended) return;
    const ended = this.#ended;
    this.#ended = null;
    this.#isOpen = false;
    clearTimeout(this.#closing);
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    ended(problem);
  }
}
