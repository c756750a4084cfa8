// Waits that a signal can end early: for some time, for a visible page, for news.

/** @param {number} milliseconds @param {AbortSignal} signal */
export function pause(milliseconds, signal) {
  return until(signal, (done) => {
    const timer = setTimeout(done, milliseconds);
    return () => clearTimeout(timer);
  });
}

/** Waits until the page is visible; not at all without a page. @param {AbortSignal} signal */
export function visible(signal) {
  const page = globalThis.document;
  if (!page?.hidden) return undefined;
  return until(signal, (done) => {
    page.addEventListener("visibilitychange", done);
    return () => page.removeEventListener("visibilitychange", done);
  });
}

/** Waits for `milliseconds`, or until `ring()` is called or has been called since the last wait. */
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

/** @returns {Promise<void>} until `done` or the signal aborts; then calls what `start` returned. */
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
