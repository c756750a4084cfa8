// Waits that a signal ends early: for some time, for a page to be seen, for news.

/** @param {number} milliseconds @param {AbortSignal} signal */
export function pause(milliseconds, signal) {
  return until(signal, (done) => {
    const timer = setTimeout(done, milliseconds);
    return () => clearTimeout(timer);
  });
}

/** Until the page can be seen; at once where there is no page. @param {AbortSignal} signal */
export function visible(signal) {
  const page = globalThis.document;
  if (!page?.hidden) return undefined;
  return until(signal, (done) => {
    page.addEventListener("visibilitychange", done);
    return () => page.removeEventListener("visibilitychange", done);
  });
}

/** Waits for `milliseconds`, or until `ring()` is called, or was since the last wait. */
export class Bell {
  #hasRung = false;
  #wake = () => {};

  ring() {
    this.#hasRung = true;
    this.#wake();
  }

  /** @param {number} milliseconds @param {AbortSignal} signal */
  async wait(milliseconds, signal) {
    if (!this.#hasRung) {
      await until(signal, (done) => {
        const timer = setTimeout(done, milliseconds);
        this.#wake = done;
        return () => clearTimeout(timer);
      });
    }
    this.#hasRung = false;
    this.#wake = () => {};
  }
}

/** @returns {Promise<void>} until `done` is called or the signal aborts; then `start`'s result is. */
function until(signal, start) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      stop();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const stop = start(done);
    signal.addEventListener("abort", done);
  });
}
